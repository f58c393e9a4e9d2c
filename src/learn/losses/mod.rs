//! What a training minimises.

mod adversarial;

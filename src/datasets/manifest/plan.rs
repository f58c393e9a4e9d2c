use super::super::{Layout, Scaling, Split, SplitRequest, leaks};
use super::json::{Object, read, to_bytes};
use crate::error::{Error, Result};
use crate::formats::{Attribute, Staged, sha256_bytes};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::Path;

const FORMAT: &str = "skyfringe-dataset";
const VERSION: u64 = 1;
/// Samples, and shards, of a data set.
const MOST_SAMPLES: usize = 1 << 40;
const MOST_SHARDS: usize = 1 << 20;

/// What a data set is to hold: everything that its samples follow from. Frozen before the first shard.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Name and version of the program.
    pub program: String,
    /// The configuration in canonical form.
    pub configuration: String,
    /// Seed of everything drawn but the split.
    pub seed: u64,
    /// Numbers of samples and shards.
    pub layout: Layout,
    /// The galaxies in the order of their samples.
    pub galaxies: Vec<PlanGalaxy>,
    /// Names of the orientations.
    pub views: Vec<String>,
    /// The instruments.
    pub instruments: Vec<PlanInstrument>,
    /// What a sample holds.
    pub fields: Vec<PlanField>,
    /// How the galaxies were split.
    pub split: SplitRequest,
    /// What a user should know.
    pub notes: Vec<String>,
}

/// One galaxy of one snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanGalaxy {
    /// Its name, once in a data set.
    pub id: String,
    /// What it shares with its other snapshots and its progenitors.
    pub group: String,
    /// Where it is from, in words; no path beyond what the user wrote.
    pub source: String,
    /// HI mass, solar masses; none where the galaxy could not be read.
    pub hi_mass_msun: Option<f64>,
    /// Redshift; none where the galaxy could not be read.
    pub redshift: Option<f64>,
    /// What its samples are for.
    pub split: Split,
    /// Why it gives no samples.
    pub failure: Option<String>,
}

/// An instrument.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanInstrument {
    /// Its name.
    pub name: String,
    /// Summed flux over the dirty peak that its PSFs are planned for, of the band and of cubes: the way of a sample, by
    /// PSFs or visibilities, must not depend on who makes it. None where nothing is planned.
    pub flux_over_peak: [Option<f64>; 2],
}

/// One field of a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanField {
    /// Its name in the shards.
    pub name: String,
    /// Unit of its physical values, as the FITS standard writes it.
    pub unit: String,
    /// Length of the axes of one sample, the last one fastest.
    pub shape: Vec<usize>,
    /// Whether values below zero are meant.
    pub signed: bool,
    /// From physical values to stored ones.
    pub scaling: Scaling,
}

impl Plan {
    /// Its file name.
    pub const NAME: &str = "plan.json";

    /// The bytes of plan.json.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(&self.to_json())
    }

    /// What the shards' records know it by.
    pub fn sha256(&self) -> String {
        sha256_bytes(&self.to_bytes())
    }

    /// Writes plan.json in `folder`.
    ///
    /// # Errors
    /// A plan that [`Plan::validate`] refuses, a file that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        self.validate()?;
        Staged::write_bytes(&folder.join(Plan::NAME), &self.to_bytes())
    }

    /// Reads plan.json of `folder`.
    ///
    /// # Errors
    /// No such file, one that is no plan of this version (with file and key), or one that [`Plan::validate`] refuses.
    pub fn read(folder: &Path) -> Result<Plan> {
        let path = folder.join(Plan::NAME);
        if !path.is_file() {
            return Err(Error::input("there is no data set in this folder")
                .found(format!("no {} in {}", Plan::NAME, folder.display()))
                .hint("name the folder that \"skyfringe dataset build CONFIG.toml --out FOLDER\" made"));
        }
        let value = read(&path)?;
        let plan = Plan::from_json(&Object::whole(&value, &path)?)?;
        plan.validate().map_err(|e| e.place(format!("file {}", path.display())))?;
        Ok(plan)
    }

    /// Whether its parts agree.
    ///
    /// # Errors
    /// Lists whose lengths are not those of the layout, empty ones, names that stand twice, a bad split request, groups in
    /// two splits.
    pub fn validate(&self) -> Result<()> {
        let layout = &self.layout;
        for (what, found, expected) in [
            ("galaxies", self.galaxies.len(), layout.galaxies),
            ("orientations", self.views.len(), layout.views),
            ("instruments", self.instruments.len(), layout.instruments),
        ] {
            if found != expected {
                return Err(Error::input(format!("the plan's list of {what} does not fit its layout"))
                    .found(format!("{found} {what}"))
                    .expected(expected));
            }
        }
        let samples = [layout.views, layout.instruments, layout.realisations];
        let samples = samples.into_iter().try_fold(layout.galaxies, usize::checked_mul);
        // with less, nothing that is computed from the layout overflows
        if !samples.is_some_and(|n| n <= MOST_SAMPLES && n.div_ceil(layout.per_shard.max(1)) <= MOST_SHARDS) {
            return Err(Error::input("the plan has more samples than a data set can have")
                .found(format!("{layout:?}"))
                .expected(format!("at most {MOST_SAMPLES} samples in {MOST_SHARDS} shards")));
        }
        if layout.samples() == 0 || layout.per_shard == 0 || self.fields.is_empty() {
            return Err(Error::input("the data set would be empty")
                .found(format!(
                    "{} samples in shards of {}, {} fields",
                    layout.samples(),
                    layout.per_shard,
                    self.fields.len()
                ))
                .expected("at least one of each"));
        }
        once("galaxy", self.galaxies.iter().map(|g| g.id.as_str()))?;
        once("orientation", self.views.iter().map(String::as_str))?;
        once("instrument", self.instruments.iter().map(|i| i.name.as_str()))?;
        once("field", self.fields.iter().map(|f| f.name.as_str()))?;
        self.split.validate()?;
        leaks(self.galaxies.iter().map(|g| (g.group.as_str(), g.split)))
    }

    pub(super) fn to_json(&self) -> Value {
        let layout = &self.layout;
        json!({
            "format": FORMAT,
            "version": VERSION,
            "program": self.program,
            "configuration_sha256": sha256_bytes(self.configuration.as_bytes()),
            "configuration": self.configuration,
            "seed": self.seed,
            "layout": {
                "galaxies": layout.galaxies,
                "views": layout.views,
                "instruments": layout.instruments,
                "realisations": layout.realisations,
                "samples_per_shard": layout.per_shard,
            },
            "split": {
                "fractions": self.split.fractions,
                "seed": self.split.seed,
                "strata": self.split.strata,
            },
            "views": self.views,
            "instruments": self.instruments.iter().map(PlanInstrument::to_json).collect::<Vec<_>>(),
            "fields": self.fields.iter().map(PlanField::to_json).collect::<Vec<_>>(),
            "notes": self.notes,
            "galaxies": self.galaxies.iter().map(PlanGalaxy::to_json).collect::<Vec<_>>(),
        })
    }

    pub(super) fn from_json(object: &Object) -> Result<Plan> {
        object.require(FORMAT, VERSION)?;
        let configuration = object.text("configuration")?;
        let sha256 = sha256_bytes(configuration.as_bytes());
        if object.text("configuration_sha256")? != sha256 {
            return Err(object.wrong("configuration_sha256", &format!("{sha256}, that of the configuration beside it")));
        }
        let (layout, split) = (object.object("layout")?, object.object("split")?);
        let fractions = split.value("fractions").and_then(Value::as_array).and_then(|list| {
            let numbers: Vec<f64> = list.iter().map(Value::as_f64).collect::<Option<_>>()?;
            numbers.try_into().ok()
        });
        Ok(Plan {
            program: object.text("program")?,
            configuration,
            seed: object.whole_number("seed")?,
            layout: Layout {
                galaxies: layout.count("galaxies")?,
                views: layout.count("views")?,
                instruments: layout.count("instruments")?,
                realisations: layout.count("realisations")?,
                per_shard: layout.count("samples_per_shard")?,
            },
            split: SplitRequest {
                fractions: fractions.ok_or_else(|| split.wrong("fractions", "three numbers"))?,
                seed: split.whole_number("seed")?,
                strata: split.count("strata")?,
            },
            views: object.texts("views")?,
            instruments: object.objects("instruments")?.iter().map(PlanInstrument::from_json).collect::<Result<_>>()?,
            fields: object.objects("fields")?.iter().map(PlanField::from_json).collect::<Result<_>>()?,
            notes: object.texts("notes")?,
            galaxies: object.objects("galaxies")?.iter().map(PlanGalaxy::from_json).collect::<Result<_>>()?,
        })
    }
}

fn once<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Error::input(format!("two of the plan have one name: each {what} must have its own"))
                .found(format!("\"{name}\" twice")));
        }
    }
    Ok(())
}

impl PlanGalaxy {
    fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "group": self.group,
            "source": self.source,
            "hi_mass_msun": self.hi_mass_msun,
            "redshift": self.redshift,
            "split": self.split.word(),
            "failure": self.failure,
        })
    }

    fn from_json(object: &Object) -> Result<PlanGalaxy> {
        Ok(PlanGalaxy {
            id: object.text("id")?,
            group: object.text("group")?,
            source: object.text("source")?,
            hi_mass_msun: object.optional_number("hi_mass_msun")?,
            redshift: object.optional_number("redshift")?,
            split: Split::parse(&object.text("split")?).map_err(|e| e.place(object.place("split")))?,
            failure: object.optional_text("failure")?,
        })
    }
}

impl PlanInstrument {
    fn to_json(&self) -> Value {
        let [band, cube] = self.flux_over_peak;
        json!({ "name": self.name, "flux_over_peak": band, "flux_over_peak_cube": cube })
    }

    fn from_json(object: &Object) -> Result<PlanInstrument> {
        let flux = ["flux_over_peak", "flux_over_peak_cube"].map(|key| object.optional_number(key));
        let [band, cube] = flux;
        Ok(PlanInstrument { name: object.text("name")?, flux_over_peak: [band?, cube?] })
    }
}

impl PlanField {
    fn to_json(&self) -> Value {
        let mut map = Map::new();
        map.insert("name".into(), json!(self.name));
        map.insert("unit".into(), json!(self.unit));
        map.insert("shape".into(), json!(self.shape));
        map.insert("signed".into(), json!(self.signed));
        for (name, attribute) in self.scaling.attributes() {
            let value = match attribute {
                Attribute::Number(x) => json!(x),
                Attribute::Integer(n) => json!(n),
                Attribute::Text(text) => json!(text),
            };
            map.insert(name.into(), value);
        }
        Value::Object(map)
    }

    fn from_json(object: &Object) -> Result<PlanField> {
        let attribute = |name: &str| match object.value(name)? {
            Value::String(text) => Some(Attribute::Text(text.clone())),
            value => value.as_f64().map(Attribute::Number),
        };
        let name = object.text("name")?;
        let scaling = Scaling::from_attributes(attribute)
            .map_err(|e| Error::input(e.to_string()).place(object.place("scaling")))?;
        Ok(PlanField {
            name,
            unit: object.text("unit")?,
            shape: object.counts("shape")?,
            signed: object.flag("signed")?,
            scaling,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::plan;
    use super::*;
    use std::fs;

    #[test]
    fn plans_are_read_back_equal_and_written_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let plan = plan();
        plan.write(folder.path()).unwrap();
        let back = Plan::read(folder.path()).unwrap();
        assert_eq!(back, plan);
        assert_eq!(back.to_bytes(), fs::read(folder.path().join("plan.json")).unwrap());
        assert_eq!(back.sha256(), plan.sha256());
        let text = String::from_utf8(plan.to_bytes()).unwrap();
        // one line a galaxy and a field
        assert!(text.lines().any(|l| l.starts_with(r#"    {"id":"galaxy 0","group":"g0","source":"#)), "{text}");
        assert!(text.contains(r#""scaling":"asinh","scaling_scale":0.1"#), "{text}");
    }

    #[test]
    fn changed_plans_are_refused_with_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let text = String::from_utf8(plan().to_bytes()).unwrap();
        let path = folder.path().join("plan.json");
        assert!(Plan::read(folder.path()).unwrap_err().to_string().contains("no data set"));
        for (from, to, says) in [
            ("\"version\": 1", "\"version\": 9", "key version"),
            ("skyfringe-dataset", "another", "key format"),
            ("\"seed\": 18446744073709551615", "\"seed\": -1", "key seed"),
            ("[dataset]", "[changed]", "configuration_sha256"),
            ("\"split\":\"train\"", "\"split\":\"training\"", "key galaxies[0].split"),
            ("\"galaxies\":6", "\"galaxies\":7", "6 galaxies"),
            ("\"id\":\"galaxy 1\"", "\"id\":\"galaxy 0\"", "\"galaxy 0\" twice"),
            ("\"group\":\"g5\"", "\"group\":\"g0\"", "\"g0\" in train and test"),
            ("\"scaling_gain\":", "\"gain\":", "scaling_gain"),
            ("[0.5,0.25,0.25]", "[0.5,0.25]", "key split.fractions"),
            ("[0.5,0.25,0.25]", "[0.5,0.25,0.5]", "add up"),
            ("\"shape\":[8,8]", "\"shape\":8", "key fields[0].shape"),
        ] {
            assert!(text.contains(from), "{from} is not in {text}");
            fs::write(&path, text.replacen(from, to, 1)).unwrap();
            let error = Plan::read(folder.path()).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("plan.json"), "{from} -> {to}: {error}");
        }
    }
}

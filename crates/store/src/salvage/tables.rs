use crate::bytes::Cursor;
use crate::definition::{Definition, Mark};
use crate::definition_file::ReadDefinition;
use tidemill_model::{FieldType, SeriesKey};

/// At most so many series are named where rows are lost.
const MAX_NAMED_SERIES: usize = 3;

/// What is known of a table.
#[derive(Debug, Default)]
pub(crate) struct TableRemains {
    pub(crate) definition: Definition,
    /// Where the last addition of the file starts, if nobody vouches for it: without a manifest it
    /// may be one that was never committed, and what it names may be something else in the log.
    doubtful: Option<Mark>,
}

impl TableRemains {
    /// What a definition file gives; `is_counted`: the manifest vouches for all of it.
    pub(crate) fn new(read: ReadDefinition, is_counted: bool) -> Self {
        let doubtful = Some(read.before_last).filter(|_| !is_counted);
        Self { definition: read.definition, doubtful }
    }

    /// Its name; `None`: nothing readable says it.
    pub(crate) fn name(&self) -> Option<String> {
        Some(self.definition.schema.name.clone()).filter(|name| !name.is_empty())
    }

    pub(crate) fn series_count(&self) -> u32 {
        self.definition.index.len()
    }

    /// The name of a field, if it is known and of this type.
    pub(crate) fn field(&self, field: u32, ty: FieldType) -> Option<&str> {
        let known = self.definition.schema.fields.get(field as usize);
        known.filter(|known| known.ty == ty).map(|known| known.name.as_str())
    }

    /// Adds what an addition in the log says.
    pub(crate) fn apply(&mut self, addition: &[u8]) -> Result<(), String> {
        let Err(error) = self.try_apply(addition) else { return Ok(()) };
        let Some(mark) = self.doubtful.take() else { return Err(error) };
        let whole = self.definition.clone();
        self.definition.truncate(&mark);
        self.try_apply(addition).inspect_err(|_| self.definition = whole)
    }

    fn try_apply(&mut self, addition: &[u8]) -> Result<(), String> {
        let mark = self.definition.mark();
        let mut cursor = Cursor::new(addition);
        let applied = self.definition.apply(&mut cursor).and_then(|()| cursor.end());
        // What was added before it failed may stand in the wrong place.
        applied.inspect_err(|_| self.definition.truncate(&mark)).map_err(|malformed| malformed.what)
    }

    /// Writes the key of a series over `out`. `false`: it is not known, or is no key.
    pub(crate) fn series_key(&self, series: u32, out: &mut Vec<u8>) -> bool {
        if series >= self.series_count() {
            return false;
        }
        let tags = self.definition.index.series_tags(series);
        let mut tags: Vec<(&str, &str)> =
            tags.map(|(tag, value)| (self.definition.schema.tags[tag].as_str(), value)).collect();
        SeriesKey::encode(&mut tags, out).is_ok()
    }

    /// Some of these series by their tags.
    pub(crate) fn series_names(&self, series: &[u32]) -> Vec<String> {
        let name = |id: &u32| {
            if *id >= self.series_count() {
                return format!("number {id}");
            }
            let tags = self.definition.index.series_tags(*id);
            let tags = tags
                .map(|(tag, value)| format!("{}={value}", self.definition.schema.tags[tag]))
                .collect::<Vec<_>>();
            if tags.is_empty() { "without tags".to_owned() } else { tags.join(",") }
        };
        series.iter().take(MAX_NAMED_SERIES).map(name).collect()
    }
}

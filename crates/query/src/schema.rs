use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use tidemill_model::{FieldType, TableSchema};
use tidemill_store::TableView;

/// The Arrow type of `time`: nanoseconds since the Unix epoch, UTC.
///
/// The zone is spelled as an offset because Arrow reads names only with a time zone database.
pub(crate) fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("+00:00".into()))
}

/// The Arrow type of a tag: text by dictionary, since a tag has few values and many rows.
pub(crate) fn tag_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// The Arrow type of a field.
pub(crate) fn field_type(ty: FieldType) -> DataType {
    match ty {
        FieldType::Float => DataType::Float64,
        FieldType::Int => DataType::Int64,
        FieldType::UInt => DataType::UInt64,
        FieldType::Bool => DataType::Boolean,
        FieldType::Text => DataType::Utf8,
    }
}

/// What a column of a table is. SQL sees `time` first, then the tags, then the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ColumnKind {
    Time,
    /// The index of the tag.
    Tag(usize),
    /// The index of the field.
    Field(usize),
}

/// A table's schema, as the store has it and as SQL sees it.
#[derive(Debug)]
pub(crate) struct TableColumns {
    pub(crate) stored: Arc<TableSchema>,
    pub(crate) arrow: SchemaRef,
}

impl TableColumns {
    pub(crate) fn new(stored: Arc<TableSchema>) -> Self {
        let time = Field::new(TableSchema::TIME, time_type(), false);
        let tags = stored.tags.iter().map(|name| Field::new(name, tag_type(), true));
        let fields = stored.fields.iter().map(|f| Field::new(&f.name, field_type(f.ty), true));
        let columns: Vec<Field> = std::iter::once(time).chain(tags).chain(fields).collect();
        Self { stored, arrow: Arc::new(Schema::new(columns)) }
    }

    /// The kind of the column at this place of the Arrow schema.
    pub(crate) fn kind(&self, index: usize) -> ColumnKind {
        let tags = self.stored.tags.len();
        match index.checked_sub(1) {
            None => ColumnKind::Time,
            Some(tag) if tag < tags => ColumnKind::Tag(tag),
            Some(other) => ColumnKind::Field(other - tags),
        }
    }

    /// The kind of the column with this name.
    pub(crate) fn find(&self, name: &str) -> Option<ColumnKind> {
        if name == TableSchema::TIME {
            return Some(ColumnKind::Time);
        }
        let tag = self.stored.tag(name).map(ColumnKind::Tag);
        tag.or_else(|| self.stored.field(name).map(ColumnKind::Field))
    }

    /// The Arrow field of a column.
    pub(crate) fn arrow_field(&self, kind: ColumnKind) -> &Field {
        let index = match kind {
            ColumnKind::Time => 0,
            ColumnKind::Tag(tag) => 1 + tag,
            ColumnKind::Field(field) => 1 + self.stored.tags.len() + field,
        };
        self.arrow.field(index)
    }
}

/// Arrow schemas by table, made once and again only when a table's schema has changed.
#[derive(Debug, Default)]
pub(crate) struct SchemaCache {
    tables: Mutex<HashMap<String, Arc<TableColumns>>>,
}

impl SchemaCache {
    pub(crate) fn get(&self, view: &TableView) -> Arc<TableColumns> {
        let schema = view.shared_schema();
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(columns) = tables.get(view.name())
            && Arc::ptr_eq(&columns.stored, &schema)
        {
            return Arc::clone(columns);
        }
        let columns = Arc::new(TableColumns::new(schema));
        tables.insert(view.name().to_owned(), Arc::clone(&columns));
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidemill_model::FieldSchema;

    #[test]
    fn every_place_of_the_schema_is_the_kind_its_name_has() {
        let field = |name: &str, ty| FieldSchema { name: name.into(), ty };
        let columns = TableColumns::new(Arc::new(TableSchema {
            name: "cpu".into(),
            tags: vec!["host".into(), "region".into()],
            fields: vec![field("usage", FieldType::Float), field("on", FieldType::Bool)],
            ..TableSchema::default()
        }));
        for (index, arrow) in columns.arrow.fields().iter().enumerate() {
            let kind = columns.kind(index);
            assert_eq!(columns.find(arrow.name()), Some(kind));
            assert_eq!(columns.arrow_field(kind), arrow.as_ref());
        }
        assert_eq!(columns.find("nothing"), None);
    }
}

use std::collections::HashSet;
use std::fmt;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use tidemill_model::{FieldType, TableSchema};
use tidemill_parse::tabular::{TIME_NAMES, max_tag_values};

use super::convert::{self, TimeKind};
use crate::error::{Error, ErrorKind, Result, closest};

/// What is said about a file.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// The table its rows belong to.
    pub table: String,
    /// The time column; `None`: it is found.
    pub time: Option<String>,
    /// The tag columns; `None`: text columns with few distinct values.
    pub tags: Option<Vec<String>>,
    /// The zone of times that name none, as `Europe/Berlin` or `+02:00`; `None`: UTC.
    pub zone: Option<String>,
}

/// How a file is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportPlan {
    /// Its columns, in their order.
    pub columns: Vec<PlannedColumn>,
}

/// One column of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedColumn {
    /// Its name in the file.
    pub name: String,
    /// What becomes of it.
    pub role: ColumnRole,
}

/// What becomes of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnRole {
    /// It is the time of the row.
    Time,
    /// It is part of what names the series.
    Tag,
    /// It is a field of this type.
    Field(FieldType),
    /// It is left out, for this reason.
    Ignored(String),
}

impl ImportPlan {
    /// Plans a file from its schema and its first rows.
    pub(super) fn new(
        schema: &Schema,
        sample: &[RecordBatch],
        options: &ImportOptions,
    ) -> Result<Self> {
        let time = time_column(schema, options)?;
        if TimeKind::of(schema.field(time).data_type(), sample, time, None).is_none() {
            let field = schema.field(time);
            let (name, ty) = (field.name(), field.data_type());
            return Err(refused(format!("column `{name}` of type {ty} holds no times")));
        }
        let tags = match &options.tags {
            Some(names) => named_tags(schema, names, time)?,
            None => likely_tags(schema, sample, time),
        };
        let column = |(index, field): (usize, &std::sync::Arc<arrow::datatypes::Field>)| {
            let role = if index == time {
                ColumnRole::Time
            } else if field.name() == TableSchema::TIME {
                ColumnRole::Ignored("its name is the time column's".into())
            } else if tags.contains(&index) {
                ColumnRole::Tag
            } else {
                match convert::field_type(field.data_type()) {
                    Some(ty) => ColumnRole::Field(ty),
                    None => ColumnRole::Ignored(format!("its type is {}", field.data_type())),
                }
            };
            PlannedColumn { name: field.name().clone(), role }
        };
        let plan = Self { columns: schema.fields().iter().enumerate().map(column).collect() };
        let mut names = HashSet::new();
        match plan.columns.iter().find(|column| !names.insert(column.name.as_str())) {
            Some(twice) => Err(refused(format!("there are two columns `{}`", twice.name))),
            None => Ok(plan),
        }
    }

    /// The columns that are left out.
    pub fn ignored(&self) -> impl Iterator<Item = &PlannedColumn> {
        self.columns.iter().filter(|column| matches!(column.role, ColumnRole::Ignored(_)))
    }
}

impl fmt::Display for ImportPlan {
    /// One line for people: `time ts · tags host, region · fields 3 · left out: blob (…)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |role: ColumnRole| {
            let named = self.columns.iter().filter(move |column| column.role == role);
            named.map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let fields = self.columns.iter().filter(|c| matches!(c.role, ColumnRole::Field(_)));
        let tags = match names(ColumnRole::Tag) {
            none if none.is_empty() => "no tags".to_owned(),
            some => format!("tags {some}"),
        };
        write!(f, "time {} · {tags} · fields {}", names(ColumnRole::Time), fields.count())?;
        for (number, column) in self.ignored().enumerate() {
            let ColumnRole::Ignored(reason) = &column.role else { continue };
            f.write_str(if number == 0 { " · left out: " } else { ", " })?;
            write!(f, "{} ({reason})", column.name)?;
        }
        Ok(())
    }
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::Io, message)
}

fn find(schema: &Schema, name: &str) -> Result<usize> {
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    names().position(|other| other == name).ok_or_else(|| {
        let hint = match closest(name, names()) {
            Some(close) => format!("did you mean `{close}`?"),
            None => format!("there are: {}", names().collect::<Vec<_>>().join(", ")),
        };
        refused(format!("there is no column `{name}`; {hint}"))
    })
}

/// The column asked for, or one that is called as times are, or the only one of a time's type.
fn time_column(schema: &Schema, options: &ImportOptions) -> Result<usize> {
    if let Some(name) = &options.time {
        return find(schema, name);
    }
    let fields = schema.fields();
    let may_be = |ty: &DataType| {
        ty.is_temporal() || ty.is_integer() || convert::field_type(ty) == Some(FieldType::Text)
    };
    let called = TIME_NAMES.iter().find_map(|name| {
        fields.iter().position(|f| f.name().eq_ignore_ascii_case(name) && may_be(f.data_type()))
    });
    let is_time =
        |ty: &DataType| matches!(ty, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64);
    let mut typed = (0..fields.len()).filter(|index| is_time(fields[*index].data_type()));
    match (called, typed.next(), typed.next()) {
        (Some(index), ..) | (None, Some(index), None) => Ok(index),
        (None, None, _) => Err(refused("no column is a time; name it with --time".into())),
        (None, Some(_), Some(_)) => {
            Err(refused("several columns are times; name one with --time".into()))
        }
    }
}

fn named_tags(schema: &Schema, names: &[String], time: usize) -> Result<Vec<usize>> {
    names
        .iter()
        .map(|name| match find(schema, name)? {
            index if index == time => {
                Err(refused(format!("`{name}` is the time and cannot be a tag, too")))
            }
            index if schema.field(index).data_type().is_nested() => {
                Err(refused(format!("`{name}` is nested and cannot be a tag")))
            }
            index => Ok(index),
        })
        .collect()
}

/// Text columns with few distinct values; should rows then still share time and tags, also the
/// text column of the fewest values that tells all of them apart. The rule of CSV and NDJSON.
fn likely_tags(schema: &Schema, sample: &[RecordBatch], time: usize) -> Vec<usize> {
    let rows: usize = sample.iter().map(RecordBatch::num_rows).sum();
    let few = max_tag_values(rows);
    let is_text = |index: &usize| {
        let ty = schema.field(*index).data_type();
        *index != time && convert::field_type(ty) == Some(FieldType::Text)
    };
    let texts = (0..schema.fields().len()).filter(is_text);
    let mut counted: Vec<(usize, usize)> =
        texts.map(|index| (index, Labels::new(rows).refined(sample, index).distinct())).collect();
    let mut tags: Vec<usize> =
        counted.iter().filter(|(_, distinct)| *distinct <= few).map(|(index, _)| *index).collect();
    let mut labels = Labels::new(rows).refined(sample, time);
    for tag in &tags {
        labels = labels.refined(sample, *tag);
    }
    if labels.distinct() < rows {
        counted.retain(|(index, _)| !tags.contains(index));
        counted.sort_by_key(|(_, distinct)| *distinct);
        let identifies = |(index, _): &&(usize, usize)| {
            labels.clone().refined(sample, *index).distinct() == rows
        };
        tags.extend(counted.iter().find(identifies).map(|(index, _)| *index));
    }
    tags
}

/// Which rows of a sample agree so far: those with the same number.
#[derive(Clone)]
struct Labels(Vec<usize>);

impl Labels {
    fn new(rows: usize) -> Self {
        Self(vec![0; rows])
    }

    /// Tells rows apart by one more column, too.
    fn refined(mut self, sample: &[RecordBatch], column: usize) -> Self {
        let mut numbers = std::collections::HashMap::new();
        let mut labels = self.0.iter_mut();
        let options = FormatOptions::default();
        for batch in sample {
            let Ok(texts) = ArrayFormatter::try_new(batch.column(column), &options) else {
                continue;
            };
            for row in 0..batch.num_rows() {
                let Some(label) = labels.next() else { break };
                let next = numbers.len();
                *label = *numbers.entry((*label, texts.value(row).to_string())).or_insert(next);
            }
        }
        self
    }

    fn distinct(&self) -> usize {
        self.0.iter().collect::<HashSet<_>>().len()
    }
}

use tidemill_model::{FieldType, Value};

use super::keys::Keys;
use super::token::{Fault, Token, TokenKind};
use crate::tabular::{MAX_COLUMNS, Plan, PlanColumn, Role, cell, excerpt};

/// The columns of a plan and those that came later, by the number of a key.
#[derive(Debug)]
pub(super) struct Layout {
    pub columns: Vec<PlanColumn>,
    /// For each key, its column.
    by_key: Vec<Option<usize>>,
}

impl Layout {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { columns: plan.columns().to_vec(), by_key: Vec::new() }
    }

    /// The index of the column that a member with this key belongs to, which is added when new.
    #[inline]
    pub(super) fn column(&mut self, keys: &Keys, key: u32, at: usize) -> Result<usize, Fault> {
        match self.by_key.get(key as usize) {
            Some(Some(column)) => Ok(*column),
            _ => self.new_key(keys, key, at),
        }
    }

    #[cold]
    fn new_key(&mut self, keys: &Keys, key: u32, at: usize) -> Result<usize, Fault> {
        let name = keys.path(key);
        let found = self.columns.iter().position(|column| column.name() == name);
        let column = match found {
            Some(column) => column,
            None if self.columns.len() == MAX_COLUMNS => {
                return Err(Fault::new(at, format!("more than {MAX_COLUMNS} columns")));
            }
            None => {
                self.columns.push(PlanColumn::empty(name));
                self.columns.len() - 1
            }
        };
        self.by_key.resize(keys.len(), None);
        self.by_key[key as usize] = Some(column);
        Ok(column)
    }

    /// The type of a field that `token` is a value of: that of the first value, if it had none.
    pub(super) fn settle(&mut self, column: usize, token: &Token<'_>) -> Option<FieldType> {
        let found = &mut self.columns[column];
        if found.role() == Role::Empty
            && let Some(ty) = token.kinds().field_type()
        {
            found.settle(ty);
        }
        match found.role() {
            Role::Field(ty) => Some(ty),
            _ => None,
        }
    }

    /// What a field of type `ty` has of `token`, which is not null.
    #[inline]
    pub(super) fn value<'a>(
        &self,
        column: usize,
        ty: FieldType,
        token: &Token<'a>,
        scratch: &'a mut Vec<u8>,
    ) -> Result<Value<'a>, Fault> {
        let is_number =
            matches!(token.kind, TokenKind::Int(_) | TokenKind::Float(_) | TokenKind::Number);
        let number = if is_number { token.raw } else { b"" };
        let value = match (ty, token.kind) {
            (FieldType::Int, TokenKind::Int(value)) => Some(Value::Int(value)),
            (FieldType::Float, TokenKind::Int(value)) => Some(Value::Float(value as f64)),
            (FieldType::Float, TokenKind::Float(value)) => Some(Value::Float(value)),
            (FieldType::Bool, TokenKind::Bool(value)) => Some(Value::Bool(value)),
            (FieldType::Int, _) => cell::int(number).map(Value::Int),
            (FieldType::UInt, _) => cell::uint(number).map(Value::UInt),
            (FieldType::Float, _) => cell::float(number).map(Value::Float),
            (FieldType::Bool, _) => None,
            (FieldType::Text, _) => return token.text(scratch).map(Value::Text),
        };
        value.ok_or_else(|| self.misfit(column, ty, token))
    }

    #[cold]
    fn misfit(&self, index: usize, ty: FieldType, token: &Token<'_>) -> Fault {
        let column = &self.columns[index];
        let name = column.name();
        let reason = format!("`{}` is no {ty} (key `{name}`)", excerpt(token.raw));
        Fault { at: token.at, reason, misfit: column.misfit(index, token.kinds()) }
    }
}

/// The time that a row must have.
pub(super) fn missing_time(row_start: usize, name: &str) -> Fault {
    Fault::new(row_start, format!("no time (key `{name}`)"))
}

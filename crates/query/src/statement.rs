use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;

use crate::error::{Error, ErrorKind, Result};

/// The deepest nesting of expressions and subqueries that is read.
const MAX_NESTING: usize = 64;

/// What `SHOW TABLES` stands for: the tables of the store, without DataFusion's own.
const SHOW_TABLES: &str = "SELECT table_name FROM information_schema.tables \
     WHERE table_schema = 'public' ORDER BY table_name";

/// Reads one statement and refuses it unless it only reads the store.
pub(crate) fn parse(sql: &str) -> Result<Statement> {
    let mut statements =
        DFParserBuilder::new(sql).with_recursion_limit(MAX_NESTING).build()?.parse_statements()?;
    let statement = match (statements.pop_front(), statements.is_empty()) {
        (Some(statement), true) => statement,
        (Some(_), false) => return Err(Error::refused("one statement at a time, please")),
        (None, _) => return Err(Error::new(ErrorKind::Syntax, "there is no statement")),
    };
    if !only_reads(&statement) {
        return Err(refusal(sql));
    }
    match &statement {
        Statement::Statement(inner) if matches!(**inner, SqlStatement::ShowTables { .. }) => {
            parse(SHOW_TABLES)
        }
        _ => Ok(statement),
    }
}

fn only_reads(statement: &Statement) -> bool {
    match statement {
        Statement::Statement(statement) => matches!(
            **statement,
            SqlStatement::Query(_)
                | SqlStatement::Explain { .. }
                | SqlStatement::ExplainTable { .. }
                | SqlStatement::ShowTables { .. }
                | SqlStatement::ShowColumns { .. }
                | SqlStatement::ShowFunctions { .. }
                | SqlStatement::ShowVariable { .. }
        ),
        Statement::Explain(explain) => only_reads(&explain.statement),
        Statement::CopyTo(_) | Statement::CreateExternalTable(_) | Statement::Reset(_) => false,
    }
}

/// Refuses a plan that does more than read: what the look at the statement cannot see, such as
/// `WITH … INSERT`.
pub(crate) fn verify(sql: &str, plan: &LogicalPlan) -> Result<()> {
    let only_queries =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    only_queries.verify_plan(plan).map_err(|_| refusal(sql))
}

fn refusal(sql: &str) -> Error {
    let first = sql.split_whitespace().next().unwrap_or_default().to_uppercase();
    Error::refused(format!(
        "{first} is refused: only SELECT, EXPLAIN, SHOW and DESCRIBE run here, and nothing \
         outside the store is read or written"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_only_read_are_let_through() {
        for sql in [
            "SELECT 1",
            "select * from t;",
            "WITH a AS (SELECT 1) SELECT * FROM a",
            "EXPLAIN SELECT 1",
            "EXPLAIN ANALYZE VERBOSE SELECT 1",
            "SHOW TABLES",
            "SHOW COLUMNS FROM t",
            "DESCRIBE t",
        ] {
            assert!(parse(sql).is_ok(), "{sql}");
        }
    }

    #[test]
    fn all_others_are_refused() {
        for sql in [
            "INSERT INTO t VALUES (1)",
            "CREATE TABLE t AS SELECT 1",
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'f'",
            "CREATE VIEW v AS SELECT 1",
            "COPY t TO 'file.csv'",
            "EXPLAIN COPY t TO 'file.csv'",
            "SET datafusion.execution.batch_size = 1",
            "RESET datafusion.execution.batch_size",
            "DROP TABLE t",
            "DELETE FROM t",
            "UPDATE t SET a = 1",
            "TRUNCATE t",
            "PREPARE p AS SELECT 1",
            "BEGIN",
            "SELECT 1; SELECT 2",
        ] {
            let error = parse(sql).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Refused, "{sql}: {error}");
        }
    }

    #[test]
    fn errors_tell_the_place() {
        let error = parse("SELECT 1\nFROM t WHERE WHERE x = 1").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Syntax);
        let position = error.position().unwrap();
        assert_eq!((position.line, position.column), (2, 20), "{error}");
        for empty in ["", "  ", "-- only a comment", ";"] {
            assert_eq!(parse(empty).unwrap_err().kind(), ErrorKind::Syntax, "`{empty}`");
        }
    }
}

//! From choices to a statement.

use crate::Input;

const COLUMNS: [&str; 9] = ["time", "h", "r", "f", "i", "u", "b", "s", "nothing"];
const TABLES: [&str; 4] = ["t", "t", "t", "other"];
const LITERALS: [&str; 27] = [
    "0",
    "1",
    "-1",
    "7",
    "0.25",
    "1e9",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "99999999999999999999999",
    "1e400",
    "'a'",
    "''",
    "'é'",
    "'it''s'",
    "NULL",
    "true",
    "false",
    "'NaN'",
    "'2021-01-01T00:01:00Z'",
    "TIMESTAMP '2021-01-01T00:00:14'",
    "DATE '2021-01-01'",
    "INTERVAL '1 minute'",
    "INTERVAL '-1 month'",
    "INTERVAL '0 seconds'",
    "'9999-12-31T00:00:00Z'",
    "to_timestamp('2021-01-01T00:02:00Z')",
];
const OPERATORS: [&str; 20] = [
    "=",
    "<>",
    "<",
    "<=",
    ">",
    ">=",
    "AND",
    "OR",
    "+",
    "-",
    "*",
    "/",
    "%",
    "||",
    "LIKE",
    "~",
    "&",
    "IS DISTINCT FROM",
    "^",
    "<<",
];
const CALLS: [&str; 20] = [
    "abs",
    "round",
    "upper",
    "length",
    "coalesce",
    "nullif",
    "sqrt",
    "ln",
    "floor",
    "concat",
    "substr",
    "to_timestamp",
    "date_part",
    "repeat",
    "lpad",
    "trim",
    "power",
    "split_part",
    "md5",
    "regexp_replace",
];
const AGGREGATES: [&str; 15] = [
    "count",
    "sum",
    "min",
    "max",
    "avg",
    "mean",
    "stddev",
    "stddev_samp",
    "stddev_pop",
    "var_pop",
    "median",
    "array_agg",
    "bool_and",
    "approx_distinct",
    "corr",
];
const ORDERED: [&str; 6] = [
    "first_value(f ORDER BY time)",
    "last_value(i ORDER BY time)",
    "first(u, time)",
    "last(s, time)",
    "last_value(b ORDER BY time DESC)",
    "first_value(s ORDER BY time DESC)",
];
const BUCKETS: [&str; 8] = [
    "date_bin(INTERVAL '20 seconds', time)",
    "date_bin(INTERVAL '1 minute', time, '2021-01-01T00:00:13Z')",
    "time_bucket(INTERVAL '1 hour', time)",
    "date_trunc('minute', time)",
    "date_trunc('week', time)",
    "date_bin(INTERVAL '0 seconds', time)",
    "date_bin(INTERVAL '1 month', time)",
    "date_bin(INTERVAL '7 seconds', time, '1677-09-21T00:12:44Z')",
];
const TYPES: [&str; 9] = [
    "BIGINT",
    "INT",
    "DOUBLE",
    "VARCHAR",
    "TIMESTAMP",
    "BOOLEAN",
    "BIGINT UNSIGNED",
    "DECIMAL(10,2)",
    "DATE",
];
const WORDS: [&str; 44] = [
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "ORDER BY",
    "HAVING",
    "LIMIT",
    "OFFSET",
    "UNION",
    "UNION ALL",
    "EXCEPT",
    "INTERSECT",
    "JOIN",
    "LEFT JOIN",
    "CROSS JOIN",
    "ON",
    "USING",
    "AS",
    "DISTINCT",
    "(",
    ")",
    ",",
    "*",
    ";",
    "--",
    "/*",
    "*/",
    "'",
    "\"",
    "`",
    "\\",
    "\0",
    "é",
    "EXPLAIN",
    "DESCRIBE",
    "SHOW TABLES",
    "INSERT INTO t VALUES (1)",
    "COPY t TO 'x'",
    "DROP TABLE t",
    "CREATE TABLE x AS",
    "SET x = 1",
    "WITH RECURSIVE x AS (SELECT 1 AS n)",
    "OVER ()",
    "QUALIFY",
];

/// The statement that the choices in `input` make.
#[must_use]
pub fn statement(input: &[u8]) -> String {
    let mut input = Input { bytes: input };
    let kind = input.u8();
    if kind == 0xFF {
        return String::from_utf8_lossy(input.bytes).into_owned();
    }
    let prefix = match kind >> 4 {
        14 => "EXPLAIN ",
        13 => "EXPLAIN ANALYZE ",
        _ => "",
    };
    let text = if kind & 1 == 0 { common(&mut input) } else { select(&mut input, 3) };
    let edits = if kind & 0b1110 == 0b1110 { 1 + input.below(4) } else { 0 };
    format!("{prefix}{}", edited(text, &mut input, edits))
}

/// Replaces, repeats, removes words.
fn edited(text: String, input: &mut Input<'_>, edits: usize) -> String {
    if edits == 0 {
        return text;
    }
    let mut words: Vec<&str> = text.split(' ').collect();
    for _ in 0..edits {
        let at = input.below(words.len());
        match input.below(5) {
            0 => drop(words.remove(at)),
            1 => words.insert(at, words[at]),
            2 => {
                let to = input.below(words.len());
                words.swap(at, to);
            }
            3 => words[at] = [&WORDS[..], &LITERALS, &OPERATORS].concat()[input.below(91)],
            _ => words.insert(at, WORDS[input.below(WORDS.len())]),
        }
        if words.is_empty() {
            words.push("SELECT");
        }
    }
    words.join(" ")
}

/// The shapes that native plans answer, and their neighbours.
fn common(input: &mut Input<'_>) -> String {
    let mut groups: Vec<&str> = Vec::new();
    let choice = input.u8();
    groups.extend((choice & 1 != 0).then_some("h"));
    groups.extend((choice & 2 != 0).then_some("r"));
    groups.extend((choice & 4 != 0).then(|| input.pick(&BUCKETS)));
    let named = |(n, group): (usize, &&str)| format!("{group} AS g{n}");
    let mut items: Vec<String> = groups.iter().enumerate().map(named).collect();
    for n in 0..=input.below(4) {
        items.push(format!("{} AS c{n}", aggregate(input)));
    }
    let mut sql = format!("SELECT {} FROM t{}", items.join(", "), conditions(input));
    let names: Vec<String> = (0..groups.len()).map(|n| format!("g{n}")).collect();
    if !groups.is_empty() {
        sql += &format!(" GROUP BY {}", names.join(", "));
        if choice & 8 != 0 {
            sql += &format!(" HAVING {} > {}", aggregate(input), input.pick(&LITERALS));
        }
        if choice & 16 != 0 {
            sql += &format!(" ORDER BY {}", names.join(", "));
        }
        if choice & 96 == 96 {
            sql += &format!(" LIMIT {} OFFSET {}", input.below(6), input.below(3));
        }
    }
    sql
}

fn aggregate(input: &mut Input<'_>) -> String {
    match input.below(8) {
        0 => "count(*)".to_owned(),
        1 => input.pick(&ORDERED).to_owned(),
        2 => format!("{}({})", input.pick(&AGGREGATES[..6]), expression(input, 1)),
        3 => format!("{}(DISTINCT {})", input.pick(&AGGREGATES), input.pick(&COLUMNS[..8])),
        4 => format!("round({}({}), 2)", input.pick(&AGGREGATES[..8]), input.pick(&COLUMNS[3..6])),
        _ => format!("{}({})", input.pick(&AGGREGATES[..8]), input.pick(&COLUMNS[..8])),
    }
}

fn conditions(input: &mut Input<'_>) -> String {
    let all: Vec<String> = (0..input.below(3)).map(|_| condition(input)).collect();
    if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) }
}

fn condition(input: &mut Input<'_>) -> String {
    let column = input.pick(&COLUMNS[..8]);
    match input.below(8) {
        0 => format!("time {} {}", input.pick(&OPERATORS[..6]), input.pick(&LITERALS[19..])),
        1 => format!("time BETWEEN {} AND {}", input.pick(&LITERALS[19..]), input.pick(&LITERALS)),
        2 => format!("h IN ({}, {})", input.pick(&LITERALS[11..16]), input.pick(&LITERALS)),
        3 => format!("{column} IS{} NULL", input.pick(&["", " NOT"])),
        4 => format!("({})", expression(input, 2)),
        5 => format!("NOT ({column} {} {})", input.pick(&OPERATORS[..6]), input.pick(&LITERALS)),
        _ => format!("{column} {} {}", input.pick(&OPERATORS[..6]), input.pick(&LITERALS)),
    }
}

/// Anything that SQL has.
fn select(input: &mut Input<'_>, depth: usize) -> String {
    let distinct = input.pick(&["", "", "", "DISTINCT ", "DISTINCT ON (h) "]);
    let items: Vec<String> = match input.below(4) {
        0 => vec!["*".to_owned()],
        count => (0..count).map(|_| expression(input, depth)).collect(),
    };
    let from = match input.below(8) {
        0 if depth > 0 => format!("({}) AS q", select(input, depth - 1)),
        1 => format!("t AS a JOIN t AS b ON {}", expression(input, 1)),
        2 => "t JOIN other USING (time)".to_owned(),
        _ => input.pick(&TABLES).to_owned(),
    };
    let mut sql = format!("SELECT {distinct}{} FROM {from}{}", items.join(", "), conditions(input));
    if input.one_in(4) {
        sql += &format!(" GROUP BY {}", input.pick(&["1", "h", "ALL", "ROLLUP (h, r)", "2", "()"]));
    }
    if input.one_in(4) {
        let nulls = input.pick(&["", " DESC", " NULLS FIRST"]);
        sql += &format!(" ORDER BY {}{nulls}", expression(input, 1));
    }
    if input.one_in(4) {
        sql += &format!(" LIMIT {}", input.pick(&LITERALS[..12]));
    }
    if depth > 0 && input.one_in(8) {
        let way = input.pick(&WORDS[8..12]);
        sql = format!("{sql} {way} {}", select(input, depth - 1));
    }
    sql
}

fn expression(input: &mut Input<'_>, depth: usize) -> String {
    if depth == 0 {
        let is_column = input.u8() & 1 == 0;
        return if is_column { input.pick(&COLUMNS[..8]) } else { input.pick(&LITERALS) }
            .to_owned();
    }
    let mut inner = || expression(input, depth - 1);
    let (a, b) = (inner(), inner());
    match input.below(16) {
        0..4 => input.pick(&COLUMNS).to_owned(),
        4..7 => format!("{a} {} {b}", input.pick(&OPERATORS)),
        7 => format!("{}({a})", input.pick(&CALLS)),
        8 => format!("{}({a}, {b})", input.pick(&CALLS)),
        9 => format!("CAST({a} AS {})", input.pick(&TYPES)),
        10 => format!("CASE WHEN {a} THEN {b} ELSE {} END", input.pick(&LITERALS)),
        11 => format!("{}({a})", input.pick(&AGGREGATES)),
        12 => format!("({a})"),
        13 => format!("{}({a}) OVER (PARTITION BY h ORDER BY {b})", input.pick(&AGGREGATES)),
        14 => format!("({})", select(input, depth - 1)),
        _ => input.pick(&BUCKETS).to_owned(),
    }
}

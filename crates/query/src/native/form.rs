use std::borrow::Cow;

/// The text of a statement and, apart from it, its text literals. Statements that differ in these alone are of one
/// form: dashboards ask for another host and another hour each time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Form<'a> {
    /// The text, with nothing between the quotes of each literal.
    pub(super) text: String,
    /// What stood between them, in order.
    pub(super) literals: Vec<Cow<'a, str>>,
    /// Where in the text each stood.
    places: Vec<usize>,
}

impl<'a> Form<'a> {
    /// A statement in which something stands that is read by other rules (comments, escapes, `E'…'`, `$$…$$`) is
    /// a form of its own, without literals.
    pub(super) fn of(sql: &'a str) -> Self {
        split(sql).unwrap_or_else(|| Self::whole(sql))
    }

    fn whole(sql: &str) -> Self {
        Self { text: sql.to_owned(), literals: Vec::new(), places: Vec::new() }
    }

    /// The statement of this form with other literals.
    pub(super) fn with(&self, literals: &[Cow<'_, str>]) -> String {
        let mut sql = String::with_capacity(self.text.len());
        let mut copied = 0;
        for (place, literal) in self.places.iter().zip(literals) {
            sql.push_str(&self.text[copied..*place]);
            sql.push_str(&literal.replace('\'', "''"));
            copied = *place;
        }
        sql.push_str(&self.text[copied..]);
        sql
    }
}

fn split(sql: &str) -> Option<Form<'_>> {
    let bytes = sql.as_bytes();
    let mut text = String::with_capacity(sql.len());
    let (mut literals, mut places) = (Vec::new(), Vec::new());
    // What stands before this place is in `text`.
    let mut copied = 0;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\'' => {
                let is_prefixed =
                    |before: u8| before.is_ascii_alphanumeric() || b"_&@".contains(&before);
                if at.checked_sub(1).is_some_and(|before| is_prefixed(bytes[before])) {
                    return None;
                }
                let end = closing(bytes, at)?;
                text.push_str(&sql[copied..=at]);
                places.push(text.len());
                literals.push(unescaped(&sql[at + 1..end]));
                (copied, at) = (end, end + 1);
            }
            b'"' => at = closing(bytes, at)? + 1,
            b'-' | b'/' if matches!(bytes.get(at + 1), Some(b'-' | b'/' | b'*')) => return None,
            b'\\' | b'$' | b'`' | b'#' | 0x80.. => return None,
            _ => at += 1,
        }
    }
    text.push_str(&sql[copied..]);
    Some(Form { text, literals, places })
}

/// The place of the quote that ends what begins with the one at `start`; two of them are one inside.
fn closing(bytes: &[u8], start: usize) -> Option<usize> {
    let quote = bytes[start];
    let mut at = start + 1;
    loop {
        match *bytes.get(at)? {
            b'\\' => return None,
            byte if byte != quote => at += 1,
            _ if bytes.get(at + 1) == Some(&quote) => at += 2,
            _ => return Some(at),
        }
    }
}

fn unescaped(literal: &str) -> Cow<'_, str> {
    match literal.contains("''") {
        true => literal.replace("''", "'").into(),
        false => literal.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_apart_from_the_text() {
        let form =
            Form::of("SELECT \"it's\" FROM t WHERE h = 'a' AND r IN ('b''c', '', 'é') LIMIT 5");
        assert_eq!(form.text, "SELECT \"it's\" FROM t WHERE h = '' AND r IN ('', '', '') LIMIT 5");
        assert_eq!(form.literals, ["a", "b'c", "", "é"]);
        assert_eq!(Form::of(&form.with(&form.literals)), form);
        // Nothing but the literals is taken for the same.
        assert_ne!(form.text, Form::of("SELECT \"it's\" FROM t WHERE h = 'a'").text);
    }

    #[test]
    fn what_is_read_by_other_rules_stays_as_it_is() {
        for sql in [
            "SELECT 1 -- it's",
            "SELECT /* ' */ 'a'",
            "SELECT E'a\\'b'",
            "SELECT N'a'",
            "SELECT U&'a'",
            "SELECT 'a\\'",
            "SELECT \"a\\\" = 'b'",
            "SELECT $$it's$$",
            "SELECT `it's`",
            "SELECT 1 # it's",
            "SELECT größe = 'a'",
            "SELECT 'a",
            "SELECT \"a",
        ] {
            assert_eq!(Form::of(sql), Form::whole(sql), "{sql}");
        }
    }
}

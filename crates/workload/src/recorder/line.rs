use crate::number::{push_hundredths, push_int};

/// The tags and the time that all lines of one sample share.
pub(crate) struct Sample<'a> {
    pub(crate) host: &'a str,
    pub(crate) time_ns: i64,
    pub(crate) out: &'a mut Vec<u8>,
}

impl Sample<'_> {
    /// Starts a line of `table`; `tag` is a name and a value besides the host.
    pub(crate) fn line(&mut self, table: &str, tag: Option<(&str, &str)>) -> Line<'_> {
        let start = self.out.len();
        self.out.extend_from_slice(table.as_bytes());
        self.out.extend_from_slice(b",host=");
        push_tag_value(self.out, self.host);
        if let Some((name, value)) = tag {
            self.out.push(b',');
            self.out.extend_from_slice(name.as_bytes());
            self.out.push(b'=');
            push_tag_value(self.out, value);
        }
        Line { out: self.out, start, time_ns: self.time_ns, fields: 0 }
    }
}

/// A line being written; without a field it is taken back.
pub(crate) struct Line<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    time_ns: i64,
    fields: usize,
}

impl Line<'_> {
    pub(crate) fn int(&mut self, name: &str, value: i64) {
        self.name(name);
        push_int(self.out, value);
        self.out.push(b'i');
    }

    pub(crate) fn int_if(&mut self, name: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.int(name, value);
        }
    }

    /// A float with two decimals.
    pub(crate) fn float(&mut self, name: &str, value: f64) {
        self.name(name);
        push_hundredths(self.out, value);
    }

    pub(crate) fn end(self) {
        if self.fields == 0 {
            self.out.truncate(self.start);
            return;
        }
        self.out.push(b' ');
        push_int(self.out, self.time_ns);
        self.out.push(b'\n');
    }

    fn name(&mut self, name: &str) {
        self.out.push(if self.fields == 0 { b' ' } else { b',' });
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'=');
        self.fields += 1;
    }
}

/// Device and host names reach us from the kernel: what line protocol gives a meaning to, and
/// whatever is no printable ASCII, becomes `_`, and so does an empty one.
fn push_tag_value(out: &mut Vec<u8>, value: &str) {
    let value = if value.is_empty() { "_" } else { value };
    out.extend(value.bytes().map(|byte| match byte {
        b',' | b'=' | b'\\' | b'"' => b'_',
        byte if byte.is_ascii_graphic() => byte,
        _ => b'_',
    }));
}

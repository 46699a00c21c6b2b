//! The flame graph: one SVG that needs nothing else. A box a function, above the one that called it, as wide as its samples;
//! a click makes one as wide as the page, a search marks those that match.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;

use super::folded::fold;
use super::named::Profile;
use super::table::percent;
use crate::heap::table::thousands;
use crate::markup::escape;

/// The page, in pixels.
const WIDTH: f64 = 1200.0;
const MARGIN: f64 = 10.0;
const ROW: f64 = 16.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 26.0;
/// A letter of the boxes' font.
const LETTER: f64 = 6.7;
/// The narrowest box that is drawn; the script draws none anew.
const MIN_WIDTH: f64 = 0.1;

const STYLE: &str = "\
text{font:11px ui-monospace,monospace;fill:#111}#title{font:16px system-ui,sans-serif}\
.button{cursor:pointer;fill:#555}.f{cursor:pointer}.f:hover rect{stroke:#000;stroke-width:.6}\
.f text{pointer-events:none}.found rect{fill:#d93fd9}.around{opacity:.45}.hidden{display:none}";

const SCRIPT: &str = "\
const all=[...document.querySelectorAll('.f')],W=1180,M=10,L=6.7,\
box=g=>({x:+g.dataset.x,w:+g.dataset.w,d:+g.dataset.d}),info=document.getElementById('info');\
function place(g,x,w){const r=g.querySelector('rect'),t=g.querySelector('text'),n=g.dataset.n,k=Math.floor((w-4)/L);\
r.setAttribute('x',M+x);r.setAttribute('width',Math.max(w,0));t.setAttribute('x',M+x+2);\
t.textContent=k<3?'':n.length<=k?n:n.slice(0,k-2)+'..'}\
function zoom(to){const z=box(to),s=W/z.w;for(const g of all){const b=box(g),in_=b.x>=z.x-1e-6&&b.x+b.w<=z.x+z.w+1e-6,\
over=b.x<=z.x+1e-6&&b.x+b.w>=z.x+z.w-1e-6;g.classList.remove('hidden','around');\
if(b.d<z.d&&over){place(g,0,W);g.classList.add('around')}else if(b.d>=z.d&&in_)place(g,(b.x-z.x)*s,b.w*s);else g.classList.add('hidden')}\
document.getElementById('reset').classList.toggle('hidden',to===all[0])}\
function search(){const text=prompt('Functions that match (regular expression):','');if(text===null)return;let re=null;\
try{re=text?new RegExp(text,'i'):null}catch(e){info.textContent=String(e);return}\
const spans=[];for(const g of all){const hit=re!==null&&re.test(g.dataset.n);g.classList.toggle('found',hit);if(hit)spans.push(box(g))}\
spans.sort((a,b)=>a.x-b.x||b.w-a.w);let sum=0,end=-1;for(const b of spans)if(b.x>=end-1e-6){sum+=b.w;end=b.x+b.w}\
info.textContent=re?(sum/W*100).toFixed(1)+' % match '+text:''}\
all.forEach(g=>{g.onclick=()=>zoom(g);g.onmouseenter=()=>{info.textContent=g.querySelector('title').textContent}});\
document.getElementById('reset').onclick=()=>zoom(all[0]);document.getElementById('search').onclick=search;\
addEventListener('keydown',e=>{if((e.ctrlKey||e.metaKey)&&e.key==='f'){e.preventDefault();search()}if(e.key==='Escape')zoom(all[0])});";

/// A function as called through one path.
#[derive(Debug, Default)]
struct Node {
    samples: u64,
    called: BTreeMap<String, Node>,
}

/// Writes it. `title`: what was run.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(profile: &Profile, title: &str, threads: bool, out: &mut dyn Write) -> Result<()> {
    let mut root = Node::default();
    for (names, count) in fold(profile, threads) {
        root.add(&names, count);
    }
    let pixels_a_sample = (WIDTH - 2.0 * MARGIN) / root.samples.max(1) as f64;
    let depth = root.depth(pixels_a_sample);
    let height = TOP + ROW * depth as f64 + BOTTOM;
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"100%\"><style>{STYLE}</style>\
         <rect width=\"100%\" height=\"100%\" fill=\"#f8f8f4\"/>\
         <text id=\"title\" x=\"{MARGIN}\" y=\"20\">{title}</text>\
         <text id=\"reset\" class=\"button hidden\" x=\"{MARGIN}\" y=\"36\">all</text>\
         <text id=\"search\" class=\"button\" x=\"{}\" y=\"20\">search</text>\
         <text id=\"info\" x=\"{MARGIN}\" y=\"{}\"></text>",
        WIDTH - MARGIN - 60.0,
        height - 8.0,
        title = escape(title),
    )?;
    let mut drawing = Drawing { out, height, pixels_a_sample, all: root.samples };
    drawing.draw("all", &root, 0, 0)?;
    writeln!(out, "<script><![CDATA[{SCRIPT}]]></script></svg>")?;
    Ok(())
}

impl Node {
    fn add(&mut self, names: &[String], count: u64) {
        let mut node = self;
        node.samples += count;
        for name in names {
            node = node.called.entry(name.clone()).or_default();
            node.samples += count;
        }
    }

    /// Rows that are drawn.
    fn depth(&self, pixels_a_sample: f64) -> usize {
        if self.samples as f64 * pixels_a_sample < MIN_WIDTH {
            return 0;
        }
        1 + self.called.values().map(|node| node.depth(pixels_a_sample)).max().unwrap_or(0)
    }
}

struct Drawing<'a> {
    out: &'a mut dyn Write,
    height: f64,
    pixels_a_sample: f64,
    all: u64,
}

impl Drawing<'_> {
    fn draw(&mut self, name: &str, node: &Node, before: u64, depth: usize) -> Result<()> {
        let (x, width) =
            (before as f64 * self.pixels_a_sample, node.samples as f64 * self.pixels_a_sample);
        if width < MIN_WIDTH {
            return Ok(());
        }
        let y = self.height - BOTTOM - ROW * (depth + 1) as f64;
        let (left, name_text) = (MARGIN + x, escape(name));
        writeln!(
            self.out,
            "<g class=\"f\" data-x=\"{x:.3}\" data-w=\"{width:.3}\" data-d=\"{depth}\" data-n=\"{name_text}\">\
             <title>{name_text}: {samples} samples, {part} %</title>\
             <rect x=\"{left:.2}\" y=\"{y:.1}\" width=\"{width:.2}\" height=\"{tall}\" rx=\"1.5\" fill=\"{colour}\"/>\
             <text x=\"{text_x:.2}\" y=\"{text_y:.1}\">{short}</text></g>",
            samples = thousands(node.samples),
            part = percent(node.samples, self.all),
            tall = ROW - 1.0,
            colour = colour(name),
            text_x = left + 2.0,
            text_y = y + 11.5,
            short = escape(&shortened(name, width)),
        )?;
        let mut at = before;
        for (name, called) in &node.called {
            self.draw(name, called, at, depth + 1)?;
            at += called.samples;
        }
        Ok(())
    }
}

/// As much of a name as a box has room for.
fn shortened(name: &str, width: f64) -> String {
    let room = ((width - 4.0) / LETTER).max(0.0) as usize;
    if room < 3 {
        String::new()
    } else if name.chars().count() <= room {
        name.to_owned()
    } else {
        name.chars().take(room - 2).chain("..".chars()).collect()
    }
}

/// The kernel's functions, inlined ones and others have a hue each; its shade is the name's, so that a function looks the
/// same wherever it stands.
fn colour(name: &str) -> String {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    let (shade, tint) = ((hash >> 32) % 14, (hash >> 48) % 16);
    let hue = match name.get(name.len().saturating_sub(4)..) {
        Some("_[k]") => 205,
        Some("_[i]") => 150,
        _ => 28,
    };
    format!("hsl({} 70% {}%)", hue + tint, 64 + shade)
}

#[cfg(test)]
mod tests {
    use super::super::named::tests::profile;
    use super::*;

    #[test]
    fn boxes_are_as_wide_as_their_samples() {
        let profile = profile(&[("main;f<T>;g+", 600), ("main;f<T>", 100), ("main;\"h\"", 300)]);
        let mut out = Vec::new();
        write(&profile, "a < b", false, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let attribute = |name: &str, key: &str| {
            let line =
                text.lines().find(|line| line.contains(&format!("data-n=\"{name}\""))).unwrap();
            let value = line.split(&format!("data-{key}=\"")).nth(1).unwrap();
            value.split('"').next().unwrap().parse::<f64>().unwrap()
        };
        let width = |name| attribute(name, "w") / 1180.0;
        assert_eq!([width("all"), width("program"), width("main")], [1.0, 1.0, 1.0]);
        assert_eq!([width("&quot;h&quot;"), width("f&lt;T&gt;"), width("g_[i]")], [0.3, 0.7, 0.6]);
        // Beside each other, and above what called them.
        assert_eq!(attribute("&quot;h&quot;", "x"), 0.0);
        assert_eq!(attribute("f&lt;T&gt;", "x"), 354.0);
        assert_eq!(attribute("g_[i]", "d"), 4.0);
        assert!(text.contains("<title>f&lt;T&gt;: 700 samples, 70.0 %</title>"), "{text}");
        assert!(text.contains(">a &lt; b</text>"), "{text}");
        assert!(!text.contains("href=") && !text.contains("src="), "it needs nothing else");
    }

    #[test]
    fn names_are_cut_to_their_boxes() {
        assert_eq!(shortened("function", 100.0), "function");
        assert_eq!(shortened("a_long_function", 60.0), "a_long..");
        assert_eq!(shortened("function", 20.0), "");
        assert_eq!(colour("f"), colour("f"));
    }
}

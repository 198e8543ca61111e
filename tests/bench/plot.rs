//! The figures as a drawing that can be read on a light and on a dark page.

use std::fmt::Write;

use crate::report::{Results, grouped};

const PANEL_WIDTH: usize = 410;
const BAR_START: usize = 96;
const BAR_LENGTH: f64 = 210.0;
const LINE: usize = 19;
const HEAD: usize = 30;
const GAP: usize = 22;

const STYLE: &str = "\
<style>
text { font: 12px system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328 }
.head { font-weight: 600 }
.name { text-anchor: end; fill: #59636e }
.ours { fill: #0969da } .peer { fill: #aab4bf } .none { fill: none; stroke: #aab4bf }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .name { fill: #9198a1 }
.ours { fill: #4493f8 } .peer { fill: #57606a } .none { stroke: #57606a }
}
</style>
";

struct Bar {
    name: String,
    class: &'static str,
    value: f64,
    decimals: usize,
}

struct Panel {
    head: String,
    bars: Vec<Bar>,
}

/// The plot as SVG: a panel for each metric, with bars that all begin at 0.
pub(crate) fn plot(results: &Results) -> String {
    let names: Vec<&str> = results.names();
    let class = |index| match index {
        0 => "ours",
        _ if index >= results.inits.len() => "none",
        _ => "peer",
    };
    let mut panels: Vec<Panel> = Vec::new();
    for metric in results.metrics().into_iter().filter(|metric| metric.plotted) {
        let bar = |(index, value): (usize, f64)| Bar {
            name: names[index].to_owned(),
            class: class(index),
            value,
            decimals: metric.decimals,
        };
        panels.push(Panel { head: metric.name, bars: metric.values.into_iter().enumerate().map(bar).collect() });
    }
    let sizes = results.teardowns.iter().map(|[subreaper, _]| Bar {
        name: format!("of {}", grouped(f64::from(subreaper.processes), 0)),
        class: "ours",
        value: subreaper.time_each(),
        decimals: 1,
    });
    panels.push(Panel { head: "teardown of a process in a tree, µs".to_owned(), bars: sizes.collect() });
    draw(&panels)
}

fn draw(panels: &[Panel]) -> String {
    let (mut body, mut top) = (String::new(), 0);
    for row in panels.chunks(2) {
        for (column, panel) in row.iter().enumerate() {
            let _ = writeln!(body, "<g transform='translate({} {top})'>", column * PANEL_WIDTH);
            draw_panel(&mut body, panel);
            body.push_str("</g>\n");
        }
        let most = row.iter().map(|panel| panel.bars.len()).max().unwrap_or(0);
        top += HEAD + most * LINE + GAP;
    }
    let (width, height) = (2 * PANEL_WIDTH, top - GAP);
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}'>\n\
         <title>session-init beside other inits: shorter is better everywhere</title>\n{STYLE}{body}</svg>\n"
    )
}

fn draw_panel(body: &mut String, panel: &Panel) {
    let most = panel.bars.iter().map(|bar| bar.value).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let _ = writeln!(body, "<text class='head' x='{BAR_START}' y='18'>{}</text>", panel.head);
    for (index, bar) in panel.bars.iter().enumerate() {
        let (top, length) = (HEAD + index * LINE, bar.value / most * BAR_LENGTH);
        let (name_end, base, value) = (BAR_START - 8, top + 11, grouped(bar.value, bar.decimals));
        let _ = writeln!(body, "<text class='name' x='{name_end}' y='{base}'>{}</text>", bar.name);
        let _ = writeln!(
            body,
            "<rect class='{}' x='{BAR_START}' y='{top}' width='{length:.1}' height='14' rx='2'/>",
            bar.class
        );
        let _ = writeln!(body, "<text x='{:.1}' y='{base}'>{value}</text>", 102.0 + length);
    }
}

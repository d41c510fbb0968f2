//! Drawings as SVG, coloured by the style sheet: no script, no style in the page.

use maud::{Markup, html};

const WIDTH: u32 = 600;
const HEIGHT: u32 = 120;

/// A part of a bar: what it is, how many, and the class that colours it.
pub struct Part<'a> {
    pub name: &'a str,
    pub count: u64,
    pub class: &'a str,
}

/// Parts of a whole, side by side, with a legend.
pub fn parts(parts: &[Part<'_>]) -> Markup {
    let whole = parts.iter().map(|part| part.count).sum::<u64>().max(1) as f64;
    let mut from = 0.0;
    let places: Vec<(f64, f64)> = parts
        .iter()
        .map(|part| {
            let width = part.count as f64 / whole * 100.0;
            from += width;
            (from - width, width)
        })
        .collect();
    html! {
        svg.parts viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label=(said(parts)) {
            @for (part, (x, width)) in parts.iter().zip(&places) {
                rect class=(part.class) x=(format!("{x:.3}")) y="0" width=(format!("{width:.3}")) height="4" { title { (part.name) ": " (part.count) } }
            }
        }
        ul.legend {
            @for part in parts { li { span class={ "dot " (part.class) } {} (part.name) " " b { (crate::text::number(part.count)) } } }
        }
    }
}

fn said(parts: &[Part<'_>]) -> String {
    parts.iter().map(|part| format!("{} {}", part.count, part.name)).collect::<Vec<_>>().join(", ")
}

/// How much of a whole is done.
pub fn progress(done: u64, whole: u64) -> Markup {
    let percent = if whole == 0 { 0.0 } else { done.min(whole) as f64 / whole as f64 * 100.0 };
    html! {
        svg.progress viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label=(format!("{percent:.0} percent")) {
            rect.back x="0" y="0" width="100" height="8" {}
            rect.done x="0" y="0" width=(format!("{percent:.2}")) height="8" {}
        }
    }
}

/// A value over time, from 0 up; nothing where there are no two points.
pub fn line(points: &[(u64, f64)], about: &str) -> Markup {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return html! {} };
    if points.len() < 2 {
        return html! { p.quiet { "The chart begins with the next look." } };
    }
    let most = points.iter().map(|(_, value)| *value).fold(1.0, f64::max);
    let span = (last.0 - first.0).max(1) as f64;
    let (wide, high) = (f64::from(WIDTH), f64::from(HEIGHT));
    let at = |(x, y): &(u64, f64)| format!("{:.1},{:.1}", (x - first.0) as f64 / span * wide, high - y / most * (high - 8.0));
    let drawn: Vec<String> = points.iter().map(at).collect();
    let area = format!("0,{high} {} {wide},{high}", drawn.join(" "));
    html! {
        figure {
            svg.line viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(about) {
                polygon.area points=(area) {}
                polyline.curve points=(drawn.join(" ")) {}
            }
            figcaption { span { (about) } span { "at most " (crate::text::number(most.round() as u64)) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fill_the_bar_and_names_are_escaped() {
        let part = |name, count| Part { name, count, class: "good" };
        let drawn = parts(&[part("<b>", 1), part("y", 3)]).into_string();
        assert!(
            drawn.contains("x=\"0.000\" y=\"0\" width=\"25.000\"") && drawn.contains("x=\"25.000\" y=\"0\" width=\"75.000\""),
            "{drawn}"
        );
        assert!(!drawn.contains("<b>:") && drawn.contains("&lt;b&gt;"));
        assert!(parts(&[]).into_string().contains("svg"));
    }

    #[test]
    fn a_line_stays_in_its_frame() {
        let drawn = line(&[(10, 0.0), (20, 50.0), (30, 25.0)], "x").into_string();
        assert!(drawn.contains("points=\"0.0,120.0 300.0,8.0 600.0,64.0\""), "{drawn}");
        assert_eq!(line(&[], "x").into_string(), "");
        assert!(line(&[(1, 1.0)], "x").into_string().contains("next look"));
    }

    #[test]
    fn progress_is_never_more_than_the_whole() {
        assert!(progress(3, 2).into_string().contains("width=\"100.00\""));
        assert!(progress(0, 0).into_string().contains("width=\"0.00\""));
    }
}

//! `--timings FILE.html`: one page that shows when what was done. It loads nothing and runs no script.

use std::fmt::Write as _;
use std::time::Duration;

use baler_platform::output::Activity;

use super::recorder::Span;
use crate::commands::format::{bytes, duration};

const STYLE: &str = include_str!("time_line.css");

/// What the page is about.
pub(crate) struct Page<'a> {
    pub(crate) title: &'a str,
    /// Below the title, a line each.
    pub(crate) facts: &'a [String],
    pub(crate) spans: &'a [Span],
    pub(crate) total: Duration,
}

/// A block of rows.
struct Section {
    heading: &'static str,
    activities: &'static [Activity],
}

const SECTIONS: [Section; 4] = [
    Section { heading: "Phases", activities: &[Activity::Step] },
    Section { heading: "Buildpacks", activities: &[Activity::Detect, Activity::Generate, Activity::Build] },
    Section { heading: "Layers", activities: &[Activity::Unpack, Activity::Restore, Activity::Pack] },
    Section { heading: "Transfers", activities: &[Activity::Pull, Activity::Copy, Activity::Push] },
];

impl Page<'_> {
    /// The page as HTML.
    pub(crate) fn html(&self) -> String {
        let mut html = String::new();
        let title = escape(self.title);
        push(
            &mut html,
            format_args!(
                "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
                 <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
                 <style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
            ),
        );
        for fact in self.facts {
            push(&mut html, format_args!("<p>{}</p>\n", escape(fact)));
        }
        html.push_str("<table>\n");
        self.axis(&mut html);
        for section in &SECTIONS {
            self.section(&mut html, section);
        }
        html.push_str("</table>\n</body>\n</html>\n");
        html
    }

    fn axis(&self, html: &mut String) {
        html.push_str("<thead><tr><th>What</th><th class=\"chart\"><div class=\"axis\">");
        let step = tick(self.total);
        let mut at = Duration::ZERO;
        while at <= self.total {
            let left = self.percent(at);
            push(html, format_args!("<span style=\"left:{left:.3}%\">{}</span>", duration(at)));
            at += step;
        }
        html.push_str("</div></th><th>Time</th><th>Size</th></tr></thead>\n");
    }

    fn section(&self, html: &mut String, section: &Section) {
        let is_in = |span: &&Span| section.activities.contains(&span.task.activity);
        let mut spans = self.spans.iter().filter(is_in).peekable();
        if spans.peek().is_none() {
            return;
        }
        push(html, format_args!("<tbody><tr class=\"heading\"><th colspan=\"4\">{}</th></tr>\n", section.heading));
        for span in spans {
            self.row(html, span);
        }
        html.push_str("</tbody>\n");
    }

    fn row(&self, html: &mut String, span: &Span) {
        let activity = span.task.activity;
        let verb = if activity == Activity::Step { String::new() } else { format!("{} ", activity.name()) };
        let label = escape(&format!("{verb}{}", span.task.name));
        let failed = if span.succeeded { "" } else { " failed" };
        let (left, width) = (self.percent(span.start), self.percent(span.taken));
        let size = span.bytes.map(bytes).unwrap_or_default();
        let (taken, name) = (duration(span.taken), activity.name());
        push(
            html,
            format_args!(
                "<tr><td title=\"{label}\">{label}</td><td class=\"chart\"><div class=\"bar {name}{failed}\" \
                 style=\"left:{left:.3}%;width:{width:.3}%\" title=\"{label}: {taken}\"></div></td>\
                 <td>{taken}</td><td>{size}</td></tr>\n"
            ),
        );
    }

    fn percent(&self, time: Duration) -> f64 {
        let total = self.total.as_secs_f64().max(f64::EPSILON);
        (time.as_secs_f64() / total * 100.0).min(100.0)
    }
}

/// A round distance between marks, so that there are at most ten.
fn tick(total: Duration) -> Duration {
    let steps = (0..).flat_map(|power| [1, 2, 5].map(|digit| Duration::from_millis(digit * 10_u64.pow(power))));
    steps.take(24).find(|step| total.as_secs_f64() / step.as_secs_f64() <= 8.0).unwrap_or(Duration::from_hours(1))
}

/// Text for HTML and for attributes.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn push(html: &mut String, arguments: std::fmt::Arguments<'_>) {
    html.write_fmt(arguments).expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use baler_platform::output::Task;

    use super::*;

    fn span(activity: Activity, name: &str, start: u64, taken: u64) -> Span {
        Span {
            task: Task::new(activity, name),
            start: Duration::from_millis(start),
            taken: Duration::from_millis(taken),
            bytes: None,
            succeeded: true,
        }
    }

    #[test]
    fn names_are_text() {
        let spans = [span(Activity::Build, "<script>\"&", 0, 10)];
        let page = Page { title: "a<b", facts: &[], spans: &spans, total: Duration::from_millis(20) };
        let html = page.html();
        assert!(html.contains("<h1>a&lt;b</h1>") && html.contains("build &lt;script&gt;&quot;&amp;"));
        assert!(!html.contains("<script>"));
    }

    #[test]
    fn bars_stand_where_they_belong() {
        let spans = [span(Activity::Step, "build", 250, 500)];
        let page = Page { title: "t", facts: &[], spans: &spans, total: Duration::from_secs(1) };
        assert!(page.html().contains("left:25.000%;width:50.000%"));
        assert!(!page.html().contains("Transfers"));
    }

    #[test]
    fn marks_are_few_and_round() {
        assert_eq!(tick(Duration::from_millis(7)), Duration::from_millis(1));
        assert_eq!(tick(Duration::from_millis(900)), Duration::from_millis(200));
        assert_eq!(tick(Duration::from_secs(70)), Duration::from_secs(10));
        assert!(tick(Duration::ZERO) > Duration::ZERO);
    }
}

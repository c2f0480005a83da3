//! What a person sees: bars on a terminal, plain lines elsewhere, nothing at all when a machine reads.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    /// Bars that move.
    Bars,
    /// One line per change, for logs and pipes.
    Lines,
    /// Lines on standard error, because standard output is for a machine.
    Aside,
}

impl Voice {
    pub(crate) fn choose(json: bool) -> Voice {
        let plain = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        match json {
            true => Voice::Aside,
            false if std::io::stdout().is_terminal() && std::io::stderr().is_terminal() && !plain => {
                Voice::Bars
            }
            false => Voice::Lines,
        }
    }
}

/// The page that the story is written on.
#[derive(Debug)]
pub(crate) struct Page {
    voice: Voice,
    bars: MultiProgress,
}

impl Page {
    pub(crate) fn new(voice: Voice) -> Page {
        let bars = MultiProgress::new();
        if voice != Voice::Bars {
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        Page { voice, bars }
    }

    pub(crate) fn voice(&self) -> Voice {
        self.voice
    }

    /// A line that stays.
    pub(crate) fn say(&self, line: impl AsRef<str>) {
        let line = line.as_ref();
        match self.voice {
            Voice::Bars => self.bars.suspend(|| println!("{line}")),
            Voice::Lines => println!("{line}"),
            Voice::Aside => eprintln!("{line}"),
        }
    }

    /// A chapter's heading.
    pub(crate) fn heading(&self, words: &str) {
        let styled = match self.voice {
            Voice::Bars if std::env::var_os("NO_COLOR").is_none() => format!("\n\x1b[1m{words}\x1b[0m"),
            _ => format!("\n{words}"),
        };
        self.say(styled);
    }

    /// Something under way whose length nobody knows.
    pub(crate) fn spinner(&self, words: &str) -> ProgressBar {
        if self.voice != Voice::Bars {
            self.say(format!("  {words} …"));
        }
        let spinner = self.bars.add(ProgressBar::new_spinner());
        spinner.set_style(style("  {spinner} {msg}"));
        spinner.set_message(words.to_owned());
        spinner.enable_steady_tick(Duration::from_millis(100));
        spinner
    }

    /// A named bar of so many steps.
    pub(crate) fn bar(&self, name: &str, length: u64, template: &str) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new(length));
        bar.set_style(style(template).progress_chars("█▉▊▋▌▍▎▏ "));
        bar.set_prefix(name.to_owned());
        bar
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    style.unwrap_or_else(|_| ProgressStyle::default_bar()).tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ")
}

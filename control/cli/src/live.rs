//! A text that is redrawn in place on a terminal, and simply repeated elsewhere.

use std::io::{self, IsTerminal, Write};

/// Cursor up to where the last frame began, clear from there.
const UP: &str = "\x1b[";

/// Where frames are drawn.
pub(crate) struct Live {
    stream: Box<dyn Write + Send>,
    terminal: bool,
    /// Lines of the frame that stands there.
    drawn: usize,
}

impl Live {
    /// On stdout.
    pub(crate) fn stdout() -> Live {
        let stdout = io::stdout();
        Live { terminal: stdout.is_terminal(), stream: Box::new(stdout), drawn: 0 }
    }

    /// On stderr.
    pub(crate) fn stderr() -> Live {
        let stderr = io::stderr();
        Live { terminal: stderr.is_terminal(), stream: Box::new(stderr), drawn: 0 }
    }

    /// Whether frames are drawn in place.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Replaces the last frame. Lines must not be wider than the terminal.
    pub(crate) fn draw(&mut self, frame: &str) -> io::Result<()> {
        if self.terminal && self.drawn > 0 {
            write!(self.stream, "{UP}{}A{UP}J", self.drawn)?;
        }
        self.drawn = frame.lines().count();
        self.stream.write_all(frame.as_bytes())?;
        self.stream.flush()
    }
}

#[cfg(test)]
mod test {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::Live;

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("screen").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn drawn(terminal: bool) -> String {
        let screen = Screen::default();
        let mut live = Live { stream: Box::new(screen.clone()), terminal, drawn: 0 };
        live.draw("a\nb\n").expect("first");
        live.draw("c\n").expect("second");
        let bytes = screen.0.lock().expect("screen").clone();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn a_terminal_is_redrawn_in_place() {
        assert_eq!(drawn(true), "a\nb\n\x1b[2A\x1b[Jc\n");
    }

    #[test]
    fn anything_else_gets_frame_after_frame() {
        assert_eq!(drawn(false), "a\nb\nc\n");
    }
}

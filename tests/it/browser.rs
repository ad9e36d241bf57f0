//! The web console as a person uses it, in Chromium.

use crate::support::okernel;
use crate::webdriver::{self, Browser, ENTER, ESCAPE};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use tempfile::TempDir;

const OWNER: &str = "owner-0123456789-0123456789-0123456789";
const VIEWER: &str = "viewer-0123456789-0123456789-0123456789";

/// A kernel with a web console.
struct Kernel {
    child: Child,
    input: Option<ChildStdin>,
    /// `127.0.0.1:PORT`.
    address: String,
    home: TempDir,
}

impl Kernel {
    fn start(address: &str) -> Kernel {
        let home = tempfile::tempdir().unwrap();
        let tokens = home.path().join("tokens");
        std::fs::write(&tokens, format!("{OWNER}\n{VIEWER}\n")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&tokens, mode).unwrap();
        let mut command = okernel();
        command
            .args(["boot", "--cores", "2", "--listen", address, "--token-file"])
            .arg(&tokens)
            .env("XDG_RUNTIME_DIR", home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("web console at ") {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "the kernel ended");
        }
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::stderr()));
        let url = line.trim().rsplit(' ').next().unwrap();
        let place = url.split("://").nth(1).unwrap();
        Kernel {
            input: child.stdin.take(),
            child,
            address: place.split('/').next().unwrap().to_string(),
            home,
        }
    }

    fn url(&self, token: &str) -> String {
        format!("http://{}/?token={token}", self.address)
    }

    /// Ends it in order; answers where it was.
    fn stop(mut self) -> String {
        drop(self.input.take());
        assert!(self.child.wait().unwrap().success());
        drop(self.home);
        self.address
    }
}

fn connect(browser: &Browser, kernel: &Kernel, token: &str) {
    browser.visit(&kernel.url(token));
    browser.until(
        "the page is connected",
        "document.body.dataset.state === 'open'",
    );
}

/// Types an expression, and waits until an answer contains this.
fn evaluate(browser: &Browser, text: &str, answer: &str) {
    browser.type_into("#input", &format!("{text}{ENTER}"));
    let answer = json!(answer);
    let shown = format!(
        "document.querySelector('#log .group:last-of-type, #log > :last-child').innerText.includes({answer})"
    );
    browser.until(text, &shown);
}

/// Whether a picture shows something: many colours, none of which is nearly everywhere.
fn is_picture(png: &[u8]) -> bool {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png))
        .read_info()
        .unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let size = info.color_type.samples();
    let mut colours = std::collections::HashMap::new();
    for pixel in pixels.chunks_exact(size) {
        *colours.entry(pixel.to_vec()).or_insert(0usize) += 1;
    }
    let count = pixels.len() / size;
    let most = colours.values().copied().max().unwrap_or(count);
    colours.len() > 50 && most * 100 < count * 97
}

fn keep(name: &str, png: &[u8]) {
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name), png).unwrap();
}

#[test]
fn a_person_evaluates_sees_the_map_and_the_plots_and_kills_a_task() {
    let Some(browser) = webdriver::start() else {
        return;
    };
    let kernel = Kernel::start("127.0.0.1:0");
    connect(&browser, &kernel, OWNER);
    let address = browser.value("location.href");
    assert!(!address.as_str().unwrap().contains(OWNER), "{address}");

    evaluate(&browser, "2+3", "5");
    evaluate(&browser, "2+`a", "type");
    let source = browser.value("document.querySelector('.entry.error .source').textContent");
    let lines: Vec<&str> = source.as_str().unwrap().lines().collect();
    assert_eq!(lines[0], "2+`a");
    assert_eq!(lines[1].trim_start(), "^");
    let marked = browser.value("document.querySelector('.entry.error mark').textContent");
    let at = lines[1].len() - 1;
    assert_eq!(marked.as_str(), lines[0].get(at..=at));

    // Two tasks on two cores that keep a ring busy.
    evaluate(&browser, "p:pub[0;4096]", "");
    evaluate(&browser, "r:spawn[1;\"{rcv in;o 0}0\";[in:sub[1;p]]]", "");
    evaluate(
        &browser,
        "w:spawn[0;\"{snd[out;x];o x+1}0\";[out:p]]; w",
        "",
    );
    browser.click("nav [data-view=map]");
    browser.until(
        "the writer, the reader and their ring are on the map",
        "
        document.querySelectorAll('#map .node.task').length >= 3 &&
        document.querySelectorAll('#map .edge.publish').length >= 1 &&
        document.querySelectorAll('#map .edge.subscribe').length >= 1",
    );
    browser.until("it is seen that something flows", "
        [...document.querySelectorAll('#map .node.ring .figure')].some(e => e.textContent.endsWith('/s'))");
    let picture = browser.screenshot();
    keep("browser-map.png", &picture);
    assert!(is_picture(&picture), "the map is blank");

    browser.press(ESCAPE);
    browser.press("3");
    browser.until(
        "the plots are shown",
        "document.body.dataset.view === 'plots'",
    );
    let drawn = "document.querySelector('#plot-messages canvas')?.toDataURL() ?? ''";
    browser.until("a plot is drawn", &format!("({drawn}).length > 1000"));
    let before = browser.value(drawn);
    let points = "Number(document.querySelector('#plot-messages').dataset.points)";
    let count = browser.value(points).as_u64().unwrap();
    browser.until("the plot gets points", &format!("{points} > {}", count + 2));
    assert_ne!(browser.value(drawn), before, "the plot does not move");
    let picture = browser.screenshot();
    keep("browser-plots.png", &picture);
    assert!(is_picture(&picture), "the plots are blank");

    // The keyboard alone: to the tasks, to one of those that were spawned, and its end.
    browser.press("4");
    browser.until(
        "the tasks are listed",
        "document.querySelectorAll('#tasks tbody tr').length >= 3",
    );
    browser.value(
        "void [...document.querySelectorAll('#tasks tbody tr')]
            .find(row => row.cells[1].innerText.startsWith('{')).focus()",
    );
    browser.press(ENTER);
    browser.until(
        "its details are shown",
        "!document.getElementById('details').hidden",
    );
    let name = browser.value("document.querySelector('#details h2').textContent");
    assert!(name.as_str().unwrap().starts_with('{'), "{name}");
    browser.press("k");
    browser.until("it is asked", "document.getElementById('dialog').open");
    browser.press(ENTER);
    browser.until(
        "it has ended",
        "document.querySelector('#details').innerText.includes('ended')",
    );

    assert_eq!(browser.complaints(), Vec::<String>::new());
    kernel.stop();
}

#[test]
fn a_task_shows_its_rights_and_limits_and_moves() {
    let Some(browser) = webdriver::start() else {
        return;
    };
    let kernel = Kernel::start("127.0.0.1:0");
    connect(&browser, &kernel, OWNER);
    evaluate(&browser, "p:pub[0;4096]", "");
    evaluate(&browser, "spawn[1;\"rcv in\";[in:sub[1;p]]]", "");
    browser.click("nav [data-view=tasks]");
    let row = "[...document.querySelectorAll('#tasks tbody tr')]
            .find(row => row.cells[1].innerText.startsWith('rcv'))";
    browser.until("the task is listed", &format!("{row} !== undefined"));
    browser.value(&format!("void {row}.click()"));
    let says = |what: &str, text: &str| {
        browser.until(
            what,
            &format!(
                "[...document.querySelectorAll('.entry')].at(-1).innerText.includes('{text}')"
            ),
        );
    };
    browser.click("#rights");
    says("its rights are shown", "`subscriber");
    browser.click("#limits");
    says("its limits are shown", "`handles");
    browser.value("void (document.querySelector('#task-tools select').value = 0)");
    browser.click("#move");
    browser.until(
        "it has moved",
        "document.querySelector('#details').innerText.includes('on core 0')",
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());
    kernel.stop();
}

#[test]
fn a_socket_is_opened_seen_on_the_map_and_dropped() {
    let Some(browser) = webdriver::start() else {
        return;
    };
    let kernel = Kernel::start("127.0.0.1:0");
    connect(&browser, &kernel, OWNER);
    browser.press("o");
    browser.until("it is asked", "document.getElementById('dialog').open");
    browser.type_into("#dialog [name=at]", "tcp://127.0.0.1:0");
    browser.type_into("#dialog [name=name]", &format!("n{ENTER}"));
    let count = "document.querySelectorAll('#map .node.selector').length";
    browser.until("the selector is on the map", &format!("{count} === 1"));
    evaluate(&browser, "spawn[0;`echo;[in:n`in;out:n`out]]", "");
    browser.until(
        "both rings have both of their ends",
        "
        document.querySelectorAll('#map .edge.publish').length === 2 &&
        document.querySelectorAll('#map .edge.subscribe').length === 2",
    );
    browser.click("#map .node.selector");
    let title = "document.querySelector('#details h2')?.textContent ?? ''";
    browser.until(
        "its details are shown",
        &format!("({title}).startsWith('tcp://')"),
    );
    let at = browser.value(title);
    let at = at.as_str().unwrap().strip_prefix("tcp://").unwrap();
    let _stream = std::net::TcpStream::connect(at).unwrap();
    browser.until(
        "the connection is counted",
        "document.getElementById('details').innerText.includes('1 open')",
    );
    browser.click("#details .danger");
    browser.until("it is asked", "document.getElementById('dialog').open");
    browser.press(ENTER);
    browser.until("it is gone", &format!("{count} === 0"));
    assert!(std::net::TcpStream::connect(at).is_err());
    assert_eq!(browser.complaints(), Vec::<String>::new());
    kernel.stop();
}

#[test]
fn the_consoles_session_is_joined_and_left() {
    let Some(browser) = webdriver::start() else {
        return;
    };
    let kernel = Kernel::start("127.0.0.1:0");
    connect(&browser, &kernel, OWNER);
    evaluate(&browser, "mine:41;mine+1", "42");
    let joined = |is: &str| {
        browser.click("#join");
        browser.until(
            "the other session is there",
            &format!(
                "document.body.dataset.state === 'open' &&
                document.getElementById('join').dataset.joined === '{is}'"
            ),
        );
    };
    joined("true");
    evaluate(&browser, "mine", "name");
    evaluate(&browser, "ours:6;7*ours", "42");
    joined("false");
    evaluate(&browser, "ours", "name");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    kernel.stop();
}

#[test]
fn a_viewer_sees_and_has_nothing_to_change_with() {
    let Some(browser) = webdriver::start() else {
        return;
    };
    let kernel = Kernel::start("127.0.0.1:0");
    connect(&browser, &kernel, VIEWER);
    browser.click("nav [data-view=tasks]");
    browser.until(
        "tasks are listed",
        "document.querySelectorAll('#tasks tbody tr').length >= 1",
    );
    let seen = "[...document.querySelectorAll('.owner')].some(e => e.offsetParent !== null)";
    browser.value("void document.querySelector('#tasks tbody tr').click()");
    browser.until(
        "details are shown",
        "!document.getElementById('details').hidden",
    );
    assert_eq!(browser.value(seen), json!(false));
    assert_eq!(browser.complaints(), Vec::<String>::new());
    kernel.stop();
}

#[test]
fn the_page_comes_back_when_the_kernel_does_and_fits_every_window() {
    let Some(browser) = webdriver::start() else {
        return;
    };
    let kernel = Kernel::start("127.0.0.1:0");
    connect(&browser, &kernel, OWNER);
    for (width, height) in [(400, 800), (1280, 800), (2000, 1100)] {
        browser.resize(width, height);
        browser.until(
            "the window fits",
            "document.documentElement.scrollWidth <= innerWidth",
        );
        let panels = browser.value(
            "[...document.querySelectorAll('.panel')].filter(p => p.offsetParent !== null).length",
        );
        let expected = match width {
            400 => 1,
            1280 => 2,
            _ => 5,
        };
        assert_eq!(panels, json!(expected), "at {width}");
        let picture = browser.screenshot();
        keep(&format!("browser-{width}.png"), &picture);
    }
    let address = kernel.stop();
    browser.until("it is said", "document.body.dataset.state !== 'open'");
    let again = Kernel::start(&address);
    browser.until(
        "it is connected again",
        "document.body.dataset.state === 'open'",
    );
    evaluate(&browser, "6*7", "42");
    again.stop();
}

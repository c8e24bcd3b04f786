//! The files that stand in an event or a task: `ATTACH` lines with what the file holds in them (RFC 5545, section 3.8.1.1).
//! What only names a place elsewhere is a link, and no file.

use super::component::Component;
use super::line::Line;
use crate::base64_text;
use riva_core::item::FileListed;
use riva_core::ports::ItemFile;

/// Under which parameters programs keep a file's name: RFC 8607, section 4.2; Outlook and Thunderbird; macOS.
const NAMES: [&str; 4] = ["FILENAME", "X-FILENAME", "X-LABEL", "X-APPLE-FILENAME"];

/// What a file without a name is called.
const UNNAMED: &str = "attachment";

/// Names and sizes of the files in a component, in their order.
pub(super) fn listed(component: &Component) -> impl Iterator<Item = (String, u64)> + '_ {
    inside(component).map(|line| (name(line), size(&line.value())))
}

/// What a file in a component holds, by its key.
pub fn file_of(component: &Component, key: &str) -> Option<ItemFile> {
    let at = FileListed::all(listed(component)).into_iter().position(|file| file.key == key)?;
    let line = inside(component).nth(at)?;
    let content = base64_text::decode(&line.value())?;
    let media_type = line.param("FMTTYPE").unwrap_or_default().to_owned();
    Some(ItemFile { name: name(line), media_type, content })
}

/// The lines with a file in them.
fn inside(component: &Component) -> impl Iterator<Item = &Line> {
    component.all("ATTACH").filter(|line| {
        let is = |param, word: &str| line.param(param).is_some_and(|value| value.eq_ignore_ascii_case(word));
        is("ENCODING", "BASE64") && line.param("VALUE").is_none_or(|_| is("VALUE", "BINARY"))
    })
}

fn name(line: &Line) -> String {
    let given = NAMES.into_iter().find_map(|param| line.param(param)).map(str::trim);
    given.filter(|name| !name.is_empty()).unwrap_or(UNNAMED).to_owned()
}

/// How many bytes a text in base64 stands for.
fn size(text: &str) -> u64 {
    let digits = text.bytes().filter(|b| !b.is_ascii_whitespace() && *b != b'=').count();
    digits as u64 * 3 / 4
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    fn event(lines: &str) -> Component {
        let text = format!("BEGIN:VEVENT\r\nUID:u\r\n{lines}\r\nEND:VEVENT\r\n");
        Component::read_all(&text, "VEVENT").unwrap().remove(0)
    }

    fn all(lines: &str) -> Vec<(String, u64)> {
        listed(&event(lines)).collect()
    }

    fn first(lines: &str) -> Option<ItemFile> {
        let event = event(lines);
        let key = FileListed::all(listed(&event)).first()?.key.clone();
        file_of(&event, &key)
    }

    #[test]
    fn files_stand_in_the_text_and_links_are_none() {
        let lines = "ATTACH:https://x.example/a.pdf\r\n\
                     ATTACH;FMTTYPE=text/plain;ENCODING=BASE64;VALUE=BINARY;FILENAME=\"a, b.txt\":aGVsbG8=\r\n\
                     ATTACH;VALUE=URI;ENCODING=BASE64:https://x.example/b\r\n\
                     ATTACH;encoding=base64;X-FILENAME=c.bin:aG\r\n  Vs\r\n\
                     ATTACH;VALUE=BINARY;ENCODING=BASE64:";
        let wanted = [("a, b.txt", 5), ("c.bin", 3), ("attachment", 0)];
        assert_eq!(all(lines), wanted.map(|(name, size)| (name.to_owned(), size)));
        let file = first(lines).unwrap();
        assert_eq!(
            (&*file.name, &*file.media_type, &*file.content),
            ("a, b.txt", "text/plain", &b"hello"[..])
        );
        assert_eq!(file_of(&event(lines), "nothing"), None);
    }

    #[test]
    fn what_is_no_base64_is_no_file() {
        assert_eq!(first("ATTACH;VALUE=BINARY;ENCODING=BASE64:?!"), None);
    }

    #[test]
    fn two_that_look_the_same_are_told_apart() {
        let lines = "ATTACH;VALUE=BINARY;ENCODING=BASE64;FILENAME=a:AQ==\r\nATTACH;VALUE=BINARY;ENCODING=BASE64;FILENAME=a:Ag==";
        let event = event(lines);
        let held = |key: &String| file_of(&event, key).map(|file| file.content);
        let keys: Vec<String> = FileListed::all(listed(&event)).into_iter().map(|f| f.key).collect();
        assert_eq!(keys.iter().map(held).collect::<Vec<_>>(), [Some(vec![1]), Some(vec![2])]);
    }

    proptest! {
        #[test]
        fn every_byte_comes_back(content in proptest::collection::vec(any::<u8>(), 0..300)) {
            let line = Line::new("ATTACH", STANDARD.encode(&content)).with("VALUE", "BINARY").with("ENCODING", "BASE64");
            let mut component = Component::new("VEVENT");
            component.push(line);
            let text = component.write();
            let file = first(text.trim_start_matches("BEGIN:VEVENT").trim_end().trim_end_matches("END:VEVENT").trim());
            prop_assert_eq!(all(text.trim_start_matches("BEGIN:VEVENT").trim_end().trim_end_matches("END:VEVENT").trim())[0].1, content.len() as u64);
            prop_assert_eq!(file.map(|file| file.content), Some(content));
        }
    }
}

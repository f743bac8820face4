//! Texts for bots: nothing in them may be taken for markup, and none may be longer than the vendor takes.

/// Room for ` (12/34)` and a line end.
const NUMBER: usize = 12;

/// A text without what bots take for links, mentions, emphasis or code: the signs become their wide forms, which read the
/// same. Names of topics and districts come from data, and `<@all>` in one would call a whole office.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '<' => '＜',
            '>' => '＞',
            '[' => '［',
            ']' => '］',
            '*' => '＊',
            '`' => '｀',
            '~' => '～',
            '_' => '＿',
            '#' => '＃',
            other => other,
        })
        .collect()
}

/// The lines of a text, each with whether it is a heading: the first one, and each after an empty line.
pub fn lines(text: &str) -> Vec<(bool, &str)> {
    let mut heading = true;
    text.lines()
        .map(|line| {
            let line = line.trim_end();
            let is_heading = std::mem::replace(&mut heading, line.is_empty());
            // The empty line itself stays, before its heading.
            (is_heading && !line.is_empty(), line)
        })
        .collect()
}

/// A line that is one of `links` behind a label, as label and address.
pub fn link<'a>(line: &'a str, links: &[String]) -> Option<(&'a str, &'a str)> {
    line.rsplit_once(": ").filter(|(_, url)| links.iter().any(|known| known == url))
}

/// A line without markup of its own; one of `links` becomes a link.
pub fn linked(line: &str, links: &[String]) -> String {
    match link(line, links) {
        Some((label, url)) => format!("[{}]({url})", plain(label)),
        None => plain(line),
    }
}

/// A text with bold headings and links, line by line, and no other markup.
pub fn bold(text: &str, links: &[String]) -> Vec<String> {
    lines(text)
        .into_iter()
        .map(|(heading, line)| if heading { format!("**{}**", plain(line)) } else { linked(line, links) })
        .collect()
}

/// Bytes of a character inside a JSON text.
pub fn json_len(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        c if c.is_control() => 6,
        c => c.len_utf8(),
    }
}

/// Splits lines into parts of at most `limit` by `cost`, at an empty line or a line end where that can be, else between
/// two characters; several parts are numbered.
pub fn split(lines: &[String], limit: usize, cost: fn(char) -> usize) -> Vec<String> {
    let size = |text: &str| text.chars().map(cost).sum::<usize>();
    let whole = lines.join("\n");
    if size(&whole) <= limit {
        return vec![whole];
    }
    let room = limit.saturating_sub(NUMBER * cost('0')).max(1);
    let mut parts: Vec<String> = Vec::new();
    let mut part = String::new();
    for line in pieces(lines, room, cost) {
        let joined = if part.is_empty() { line.clone() } else { format!("{part}\n{line}") };
        if size(&joined) <= room {
            part = joined;
        } else {
            parts.push(std::mem::take(&mut part));
            line.clone_into(&mut part);
        }
    }
    parts.push(part);
    parts.retain(|part| !part.trim().is_empty());
    let n = parts.len();
    parts.iter().enumerate().map(|(i, part)| numbered(part.trim_matches('\n'), i + 1, n)).collect()
}

/// Lines, cut where one alone is too long.
fn pieces(lines: &[String], room: usize, cost: fn(char) -> usize) -> Vec<String> {
    let mut out = Vec::new();
    for line in lines {
        let (mut piece, mut used) = (String::new(), 0);
        for c in line.chars() {
            if used + cost(c) > room && !piece.is_empty() {
                out.push(std::mem::take(&mut piece));
                used = 0;
            }
            piece.push(c);
            used += cost(c);
        }
        out.push(piece);
    }
    out
}

/// The number stands behind the first line, where it does not break the heading's markup.
fn numbered(part: &str, i: usize, n: usize) -> String {
    match part.split_once('\n') {
        Some((first, rest)) => format!("{} ({i}/{n})\n{rest}", first.trim_end()),
        None => format!("{} ({i}/{n})", part.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markup_is_taken_out_of_names() {
        assert_eq!(
            plain("<@all> [x](http://y) *b* _c_ `d` # e"),
            "＜@all＞ ［x］(http://y) ＊b＊ ＿c＿ ｀d｀ ＃ e"
        );
    }

    #[test]
    fn only_our_own_addresses_become_links() {
        let links = ["https://city.example/a_b/a/00ff".to_owned()];
        let line = |text: &str| linked(text, &links);
        assert_eq!(
            line("请于 18:00 前签收: https://city.example/a_b/a/00ff"),
            "[请于 18:00 前签收](https://city.example/a_b/a/00ff)"
        );
        assert_eq!(line("[x]: https://city.example/a_b/a/00ff"), "[［x］](https://city.example/a_b/a/00ff)");
        assert_eq!(line("see: https://evil.example/a_b"), "see: https://evil.example/a＿b");
    }

    #[test]
    fn headings_are_the_first_line_and_those_after_empty_ones() {
        let found = lines("a\nb\n\nc\nd");
        assert_eq!(found, [(true, "a"), (false, "b"), (false, ""), (true, "c"), (false, "d")]);
    }

    proptest! {
        /// Every part is within the limit, nothing but line ends is lost, and the numbers are right.
        #[test]
        fn parts_are_within_the_limit_and_lose_nothing(
            lines in prop::collection::vec("[a-z供暖温度😀 ]{0,60}", 0..30), limit in 20usize..200,
        ) {
            let cost = char::len_utf8;
            let parts = split(&lines, limit, cost);
            let mut joined = String::new();
            for (i, part) in parts.iter().enumerate() {
                prop_assert!(part.len() <= limit, "{} > {limit}", part.len());
                let number = format!(" ({}/{})", i + 1, parts.len());
                if parts.len() > 1 {
                    prop_assert!(part.lines().next().unwrap().ends_with(&number));
                    joined += &part.replacen(&number, "", 1);
                } else {
                    joined += part;
                }
            }
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&joined), letters(&lines.concat()));
        }
    }
}

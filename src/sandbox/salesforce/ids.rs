//! Record ids: three characters for the object, twelve for the record, three that make it safe in any case.

/// The 62 characters of the case-sensitive part, in the order in which Salesforce counts (which is ASCII's).
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The 32 characters of the suffix.
const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// The id of the `number`th record under a key prefix (`003` for Contact), 18 characters.
pub fn make(prefix: &str, number: u64) -> String {
    let mut serial = [b'0'; 12];
    let mut rest = number;
    for digit in serial.iter_mut().rev() {
        // A remainder below 62 fits every integer type.
        *digit = DIGITS[usize::try_from(rest % 62).unwrap_or_default()];
        rest /= 62;
    }
    // Pod and reserved characters, as a real org of our kind shows them.
    serial[0] = b'5';
    serial[1] = b'g';
    let id: String = prefix.chars().chain(serial.iter().map(|b| char::from(*b))).collect();
    let suffix = suffix(&id).unwrap_or_default();
    id + &suffix
}

/// The three characters that tell which letters of a 15-character id are capitals: one for each run of five.
fn suffix(id: &str) -> Option<String> {
    let id: &[u8; 15] = id.as_bytes().try_into().ok()?;
    let mut out = String::new();
    for run in id.chunks(5) {
        let bits =
            run.iter().enumerate().fold(0, |bits, (n, c)| bits | (usize::from(c.is_ascii_uppercase()) << n));
        out.push(char::from(SUFFIX[bits]));
    }
    Some(out)
}

/// An id as it is stored (18 characters), from 15 characters or from 18 in any case of letters.
/// `None` if it is not an id, or its suffix does not fit.
pub fn canonical(id: &str) -> Option<String> {
    if !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    match id.len() {
        15 => suffix(id).map(|s| format!("{id}{s}")),
        18 => {
            let tail = id[15..].to_ascii_uppercase();
            let mut whole = String::new();
            for (n, c) in id[..15].chars().enumerate() {
                let bits = SUFFIX.iter().position(|s| *s == tail.as_bytes()[n / 5])?;
                let capital = bits >> (n % 5) & 1 == 1;
                if capital && c.is_ascii_digit() {
                    return None;
                }
                whole.push(if capital { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() });
            }
            Some(whole + &tail)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffix_is_the_published_one() {
        // An example that circulates in the vendor's own articles.
        assert_eq!(canonical("00570000001ZwTi").unwrap(), "00570000001ZwTiAAK");
        assert_eq!(canonical("0010h00001ReG0AAAV").unwrap(), "0010h00001ReG0AAAV");
    }

    #[test]
    fn ids_are_repaired_from_any_case_and_refused_when_wrong() {
        let id = make("003", 12_345);
        assert_eq!(id.len(), 18);
        assert_eq!(canonical(&id).as_ref(), Some(&id));
        assert_eq!(canonical(&id[..15]).as_ref(), Some(&id));
        assert_eq!(canonical(&id.to_ascii_lowercase()).as_ref(), Some(&id));
        assert_eq!(canonical(&id[..14]), None);
        assert_eq!(canonical("003!00000000001"), None);
    }

    #[test]
    fn ids_count_upwards_and_stay_unique() {
        let all: Vec<String> = (0..5000).map(|n| make("00U", n)).collect();
        assert!(all.is_sorted());
        assert!(all.windows(2).all(|w| w[0] != w[1]));
    }
}

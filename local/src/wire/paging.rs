//! Long lists in pages. A token names the last item a client has seen, not its number, so that items which come and
//! go between two pages neither hide others nor show them twice.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Ascending,
    Descending,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvalidToken;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<String>,
}

/// Sorts by the key of each item and takes what follows the item that `token` names.
pub(super) fn page<T>(
    mut items: Vec<(String, T)>,
    order: Order,
    token: Option<&str>,
    size: usize,
) -> Result<Page<T>, InvalidToken> {
    let seen = token.map(decode).transpose()?;
    items.sort_by(|(left, _), (right, _)| match order {
        Order::Ascending => left.cmp(right),
        Order::Descending => right.cmp(left),
    });
    let mut rest = items
        .into_iter()
        .skip_while(|(key, _)| match (&seen, order) {
            (None, _) => false,
            (Some(seen), Order::Ascending) => key <= seen,
            (Some(seen), Order::Descending) => key >= seen,
        })
        .peekable();
    let mut page = Page { items: Vec::new(), next: None };
    let mut last = String::new();
    for (key, item) in rest.by_ref().take(size) {
        page.items.push(item);
        last = key;
    }
    page.next = rest.peek().is_some().then(|| URL_SAFE_NO_PAD.encode(last));
    Ok(page)
}

fn decode(token: &str) -> Result<String, InvalidToken> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| InvalidToken)?;
    String::from_utf8(bytes).map_err(|_| InvalidToken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(keys: &[&'static str]) -> Vec<(String, &'static str)> {
        keys.iter().map(|key| ((*key).to_owned(), *key)).collect()
    }

    #[test]
    fn pages_follow_one_another_even_when_the_last_item_has_gone() {
        let first = page(items(&["b", "a", "c"]), Order::Ascending, None, 2).unwrap();
        assert_eq!(first.items, ["a", "b"]);
        let second = page(items(&["a", "c"]), Order::Ascending, first.next.as_deref(), 2).unwrap();
        assert_eq!(second.items, ["c"]);
        assert_eq!(second.next, None);
    }

    #[test]
    fn descending_pages_and_exact_ends() {
        let first = page(items(&["a", "b", "c", "d"]), Order::Descending, None, 2).unwrap();
        assert_eq!(first.items, ["d", "c"]);
        let second = page(items(&["a", "b", "c", "d"]), Order::Descending, first.next.as_deref(), 2).unwrap();
        assert_eq!((second.items, second.next), (vec!["b", "a"], None));
    }

    #[test]
    fn a_foreign_token_is_refused() {
        assert_eq!(page(items(&["a"]), Order::Ascending, Some("!"), 1), Err(InvalidToken));
    }
}

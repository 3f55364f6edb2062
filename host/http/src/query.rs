//! What the query says. A parameter that a route does not know is refused by name: ignoring it
//! would answer another question than was asked.

use axum::extract::Query;
use http::Uri;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::problem::Problem;

/// Items of a page when the request doesn't say.
const LIMIT_DEFAULT: usize = 100;
/// Most items of a page.
const LIMIT_MAX: usize = 1_000;

/// Parses the query into `T`, whose fields are the parameters that the route knows.
pub(crate) fn parse<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    // What follows would put something else in the place of such bytes, and answer another question.
    if percent_decode_str(uri.query().unwrap_or_default()).decode_utf8().is_err() {
        return Err(Problem::invalid_request("the query is not UTF-8 once decoded"));
    }
    Query::<T>::try_from_uri(uri).map(|Query(query)| query).map_err(|error| {
        let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        Problem::invalid_request(format!("the query is not valid: {reason}"))
    })
}

/// Refuses any parameter.
pub(crate) fn none(uri: &Uri) -> Result<(), Problem> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct None {}
    match uri.query() {
        None | Some("") => Ok(()),
        Some(_) => parse::<None>(uri).map(|_| ()),
    }
}

/// How many items a page has: `limit` of the query, checked.
pub(crate) fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    match asked {
        None => Ok(LIMIT_DEFAULT),
        Some(limit @ 1..=LIMIT_MAX) => Ok(limit),
        Some(limit) => {
            Err(Problem::invalid_request(format!("limit is 1 to {LIMIT_MAX}, {limit} was asked for")))
        }
    }
}

/// One page of a list.
#[derive(Serialize, ToSchema, Debug, PartialEq, Eq)]
pub(crate) struct Page<T> {
    items: Vec<T>,
    /// What to ask for as `after` for the next page; none when this is the last.
    #[schema(required)]
    next: Option<String>,
}

impl<T> Page<T> {
    /// A list that is always given whole.
    pub(crate) fn whole(items: Vec<T>) -> Self {
        Page { items, next: None }
    }

    /// The same page, its items shown otherwise.
    pub(crate) fn map<U>(self, show: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(show).collect(), next: self.next }
    }

    /// The first `limit` of `items`, which holds one more when there is a next page. The cursor is
    /// made of the last item of this page.
    pub(crate) fn first_of(mut items: Vec<T>, limit: usize, cursor: impl FnOnce(&T) -> String) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(cursor) } else { None };
        Page { items, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct List {
        prefix: Option<String>,
        limit: Option<usize>,
    }

    fn parsed(query: &str) -> Result<List, String> {
        let uri = format!("/v1/actors?{query}").parse::<Uri>().unwrap();
        parse(&uri).map_err(|problem| problem.detail().to_owned())
    }

    #[test]
    fn known_parameters_are_decoded() {
        let list = parsed("prefix=a%2Fb+c&limit=7").unwrap();
        assert_eq!((list.prefix.as_deref(), list.limit), (Some("a/b c"), Some(7)));
    }

    #[test]
    fn what_is_not_known_is_named() {
        for (query, named) in [
            ("prefx=a", "prefx"),
            ("limit=many", "limit"),
            ("limit=1&limit=2", "limit"),
            ("limit=-1", "limit"),
            ("prefix=%ff", "UTF-8"),
            ("prefix=%c3&limit=1", "UTF-8"),
        ] {
            let detail = parsed(query).unwrap_err();
            assert!(detail.contains(named), "{query}: {detail}");
        }
        let refused = none(&"/v1/node?pretty=1".parse().unwrap()).unwrap_err();
        assert!(refused.detail().contains("pretty"), "{}", refused.detail());
        assert_eq!(none(&"/v1/node?".parse().unwrap()), Ok(()));
    }

    #[test]
    fn pages_are_bounded() {
        assert_eq!(limit(None), Ok(100));
        assert_eq!(limit(Some(1_000)), Ok(1_000));
        assert!(limit(Some(0)).is_err());
        assert!(limit(Some(1_001)).is_err());
    }

    #[test]
    fn a_page_has_a_cursor_only_when_more_follows() {
        let page = |count: usize| Page::first_of((0..count).collect(), 3, ToString::to_string);
        assert_eq!(page(3), Page { items: vec![0, 1, 2], next: None });
        assert_eq!(page(4), Page { items: vec![0, 1, 2], next: Some("2".to_owned()) });
    }
}

//! Where we looked, as it may be stored: no user info, no query values, one line.

use url::Url;

use crate::classify::text::printable;

/// A URL without its secrets: user info is dropped, query parameters keep their names only.
pub(crate) fn of_url(url: &Url) -> String {
    let mut shown = url.clone();
    // Both fail only for URLs without a host, which have no user info.
    let _nothing_to_drop = shown
        .set_username("")
        .and_then(|()| shown.set_password(None));
    shown.set_fragment(None);
    let names: Vec<String> = url
        .query()
        .into_iter()
        .flat_map(|query| query.split('&'))
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) => format!("{name}=***"),
            // A parameter without a value may be a bare token.
            None => "***".to_owned(),
        })
        .collect();
    let query = (!names.is_empty()).then(|| names.join("&"));
    shown.set_query(query.as_deref());
    printable(shown.as_str())
}

/// An object in a bucket.
pub(crate) fn of_object(bucket: &str, key: &str) -> String {
    printable(&format!("s3://{bucket}/{key}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_info_and_query_values_are_not_kept() {
        let url =
            Url::parse("https://u:pw@h.example/a%2Fb.jpg?alt=media&token=abc&bare#f").unwrap();
        assert_eq!(
            of_url(&url),
            "https://h.example/a%2Fb.jpg?alt=***&token=***&***"
        );
    }
}

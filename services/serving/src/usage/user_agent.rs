//! Browser and device by the user agent: the few that a person tells apart, everything else as `Other`.

/// What is looked for, in this order, and what it means: later browsers name earlier ones for compatibility's sake.
const BROWSERS: [(&str, &str); 12] = [
    ("bot", BOT),
    ("crawler", BOT),
    ("spider", BOT),
    ("edg", "Edge"),
    ("opr/", "Opera"),
    ("samsungbrowser", "Samsung Internet"),
    ("firefox", "Firefox"),
    ("fxios", "Firefox"),
    ("crios", "Chrome"),
    ("chrome", "Chrome"),
    ("safari", "Safari"),
    ("curl/", "curl"),
];

const DEVICES: [(&str, &str); 9] = [
    ("bot", BOT),
    ("crawler", BOT),
    ("spider", BOT),
    ("ipad", "Tablet - Apple iPad"),
    ("iphone", "Smartphone - Apple iPhone"),
    ("windows", "Desktop - Windows PC"),
    ("macintosh", "Desktop - Apple Mac"),
    ("x11; cros", "Desktop - ChromeOS"),
    ("x11", "Desktop - Linux"),
];

const BOT: &str = "Bot";
/// What nothing is known of.
pub(super) const OTHER: &str = "Other";

/// The family of browsers.
pub(super) fn browser(user_agent: &str) -> &'static str {
    named(&user_agent.to_ascii_lowercase(), &BROWSERS).unwrap_or(OTHER)
}

/// The kind of device.
pub(super) fn device(user_agent: &str) -> &'static str {
    let user_agent = user_agent.to_ascii_lowercase();
    if let Some(device) = named(&user_agent, &DEVICES) {
        return device;
    }
    match (
        user_agent.contains("android"),
        user_agent.contains("mobile"),
    ) {
        (true, true) => "Smartphone - Android",
        (true, false) => "Tablet - Android",
        _ => OTHER,
    }
}

fn named(user_agent: &str, names: &[(&str, &'static str)]) -> Option<&'static str> {
    let found = names.iter().find(|(part, _)| user_agent.contains(part));
    found.map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_and_devices_that_people_use_are_told_apart() {
        let rows = [
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
                ("Safari", "Desktop - Apple Mac"),
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36 Edg/130.0",
                ("Edge", "Desktop - Windows PC"),
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36",
                ("Chrome", "Smartphone - Android"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/130.0 Mobile/15E148 Safari/604.1",
                ("Chrome", "Smartphone - Apple iPhone"),
            ),
            (
                "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                ("Bot", "Bot"),
            ),
            ("curl/8.5.0", ("curl", "Other")),
            ("", ("Other", "Other")),
        ];
        for (user_agent, expected) in rows {
            let found = (browser(user_agent), device(user_agent));
            assert_eq!(found, expected, "{user_agent}");
        }
    }
}

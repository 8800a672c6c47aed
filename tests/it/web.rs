//! The web floor through a real server: pages of errors, headers, who is looking.

use offramp::people::Role;

use crate::on_both;

on_both! {
    fn an_unknown_address_is_a_page(t) {
        let reply = t.browser().get("/no/such/page");
        assert_eq!(reply.status, 404);
        assert!(reply.body.contains("<h1>"), "{}", reply.body);
        assert!(reply.header("content-security-policy").contains("default-src 'self'"));
    }

    fn a_form_from_another_site_is_refused(t) {
        let (mut browser, _) = t.browser_of("Ana", Role::Member);
        browser.headers.push(("origin".into(), "https://evil.example".into()));
        assert_eq!(browser.post("/logout", &[]).status, 403);
    }
}

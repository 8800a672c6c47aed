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
        let refused = browser.post("/logout", &[]);
        assert_eq!(refused.status, 403);
        assert_eq!(refused.header("x-content-type-options"), "nosniff");
        assert!(refused.header("content-security-policy").contains("default-src 'self'"));
    }

    fn a_nul_in_an_address_is_an_unknown_address(t) {
        let (mut browser, _) = t.browser_of("Ana", Role::Member);
        for path in ["/p/%00", "/p/a/b%00", "/tag/a%00b", "/t/1/%00", "/u/%00", "/claim/%00", "/case/%00", "/reset/%00", "/static/x/%00"] {
            let reply = browser.get(path);
            assert_eq!(reply.status, 404, "{path}");
            assert!(reply.body.contains("<h1>"), "{path}");
        }
        browser.get("/account");
        assert_eq!(browser.post("/claim/%00", &[]).status, 404);
    }

    fn members_are_known_at_unknown_addresses(t) {
        let (mut browser, _) = t.browser_of("Ana", Role::Member);
        let reply = browser.get("/no/such/page");
        assert_eq!(reply.status, 404);
        assert!(reply.body.contains("/logout"), "{}", reply.body);
    }

    fn head_is_answered_and_wrong_methods_are_told(t) {
        let mut browser = t.browser();
        for path in ["/", "/login", "/robots.txt", "/static/x/css/app.css"] {
            let reply = browser.head(path);
            assert_eq!((reply.status, reply.body.as_str()), (200, ""), "{path}");
        }
        assert_eq!(browser.head("/no/such/page").status, 404);
        let reply = browser.get("/logout");
        assert_eq!((reply.status, reply.header("allow")), (405, "POST"));
        // A case's forms answer at addresses of their own: whoever reloads one is led to the case.
        let (mut staff, _) = t.browser_of("Jo", Role::Staff);
        let reply = staff.get("/desk/case/7/message");
        assert_eq!((reply.status, reply.header("location")), (303, "/desk/case/7"));
        let reply = browser.post("/account", &[]);
        assert_eq!((reply.status, reply.header("allow")), (405, "GET, HEAD"));
        assert!(reply.body.contains("<h1>"));
    }

    fn what_one_person_sees_is_kept_by_no_browser(t) {
        let (mut browser, _) = t.browser_of("Ana", Role::Member);
        assert!(browser.get("/account").header("cache-control").contains("no-store"));
        assert!(!t.browser().get("/login").header("cache-control").contains("no-store"));
    }

    fn files_the_browser_has_are_not_sent_again(t) {
        let mut browser = t.browser();
        let etag = browser.get("/static/x/css/app.css").header("etag").to_owned();
        browser.headers.push(("if-none-match".into(), etag));
        let reply = browser.get("/static/x/css/app.css");
        assert_eq!((reply.status, reply.body.len()), (304, 0));
    }

    fn only_forms_with_files_take_files(t) {
        let (mut browser, _) = t.browser_of("Ana", Role::Member);
        browser.get("/account");
        let csrf = browser.csrf.clone();
        let part = |name: &str, file: &str, body: &str| {
            format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n{body}\r\n")
        };
        let file = "; filename=\"a.txt\"";
        let mut send = |path: &str, parts: String| {
            browser.post_body(path, "multipart/form-data; boundary=b", format!("{parts}--b--\r\n")).status
        };
        assert_eq!(send("/login", part("files", file, "words")), 400);
        assert_eq!(send("/contact", part("csrf", "", &csrf) + &part("files", file, "words")), 422);
        // Files before the token are not read.
        assert_eq!(send("/contact", part("files", file, "words") + &part("csrf", "", &csrf)), 400);
        let many: String = (0..300).map(|n| part(&format!("f{n}"), "", "x")).collect();
        assert_eq!(send("/contact", part("csrf", "", &csrf) + &many), 413);
        let large = "x".repeat(t.app.config.limits.upload_bytes_max - 1_000);
        let three: String = (0..3).map(|_| part("files", file, &large)).collect();
        assert_eq!(send("/contact", part("csrf", "", &csrf) + &three), 413);
    }

    fn whoever_may_not_send_a_form_has_it_not_read(t) {
        let (mut member, _) = t.browser_of("Ana", Role::Member);
        // Broken as a form; refused for the person before that is seen.
        let reply = member.post_body("/desk/case/1/message", "multipart/form-data; boundary=b", "broken".into());
        assert_eq!(reply.status, 403);
    }

    fn a_database_that_takes_no_writes_is_still_read(t) {
        let (mut browser, _) = t.browser_of("Ana", Role::Member);
        t.advance(2 * offramp::clock::HOUR);
        t.forbid_writes("sessions");
        let reply = browser.get("/account");
        assert_eq!((reply.status, reply.header("set-cookie")), (200, ""));
    }
}

//! The tables of both databases, as diesel sees them. Twin of the files in `migrations/`;
//! `tests/it/storage.rs` compares all three.

diesel::table! {
    users (id) {
        id -> BigInt,
        name -> Text,
        name_key -> Text,
        email -> Nullable<Text>,
        email_key -> Nullable<Text>,
        email_verified_at -> Nullable<BigInt>,
        password_hash -> Nullable<Text>,
        role -> Text,
        bio -> Text,
        created_at -> BigInt,
        post_count -> BigInt,
        answer_count -> BigInt,
        erased_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    sessions (id) {
        id -> BigInt,
        user_id -> BigInt,
        token_hash -> Text,
        created_at -> BigInt,
        last_used_at -> BigInt,
        expires_at -> BigInt,
        user_agent -> Text,
    }
}

diesel::table! {
    one_time_tokens (id) {
        id -> BigInt,
        purpose -> Text,
        token_hash -> Text,
        user_id -> Nullable<BigInt>,
        case_id -> Nullable<BigInt>,
        data -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
        used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    handles (id) {
        id -> BigInt,
        network -> Text,
        network_user_id -> Text,
        username -> Text,
        username_key -> Text,
        display_name -> Text,
        avatar_url -> Nullable<Text>,
        followers -> BigInt,
        verified -> Bool,
        user_id -> Nullable<BigInt>,
        proved_at -> Nullable<BigInt>,
        proof -> Nullable<Text>,
        opted_out_at -> Nullable<BigInt>,
        seen_at -> BigInt,
    }
}

diesel::table! {
    consents (id) {
        id -> BigInt,
        handle_id -> Nullable<BigInt>,
        user_id -> Nullable<BigInt>,
        case_id -> Nullable<BigInt>,
        email -> Text,
        purpose -> Text,
        wording -> Text,
        given_at -> BigInt,
        withdrawn_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    audit_log (id) {
        id -> BigInt,
        at -> BigInt,
        actor_kind -> Text,
        actor_id -> Nullable<BigInt>,
        actor_name -> Text,
        act -> Text,
        subject_kind -> Text,
        subject_id -> BigInt,
        reason -> Text,
        data -> Text,
    }
}

diesel::table! {
    products (id) {
        id -> BigInt,
        slug -> Text,
        name -> Text,
        description -> Text,
        position -> BigInt,
        link_threshold -> Double,
        propose_threshold -> Double,
        auto_link -> Bool,
        auto_acknowledge -> Bool,
        brand_terms -> Text,
        created_at -> BigInt,
        mail_address -> Nullable<Text>,
        mail_address_key -> Nullable<Text>,
    }
}

diesel::table! {
    staff_products (id) {
        id -> BigInt,
        user_id -> BigInt,
        product_id -> BigInt,
    }
}

diesel::table! {
    topics (id) {
        id -> BigInt,
        product_id -> BigInt,
        slug -> Text,
        name -> Text,
        description -> Text,
        position -> BigInt,
    }
}

diesel::table! {
    tags (id) {
        id -> BigInt,
        slug -> Text,
        name -> Text,
        thread_count -> BigInt,
    }
}

diesel::table! {
    threads (id) {
        id -> BigInt,
        product_id -> BigInt,
        topic_id -> Nullable<BigInt>,
        author_id -> BigInt,
        kind -> Text,
        state -> Text,
        visibility -> Text,
        title -> Text,
        slug -> Text,
        language -> Nullable<Text>,
        created_at -> BigInt,
        active_at -> BigInt,
        solved_at -> Nullable<BigInt>,
        closed_at -> Nullable<BigInt>,
        pinned -> Bool,
        reply_count -> BigInt,
        me_too_count -> BigInt,
        follower_count -> BigInt,
        accepted_count -> BigInt,
        primary_answer_id -> Nullable<BigInt>,
        official -> Bool,
        fixed_in -> Nullable<Text>,
        from_case_id -> Nullable<BigInt>,
        from_mention_id -> Nullable<BigInt>,
        version -> BigInt,
        request_key -> Nullable<Text>,
    }
}

diesel::table! {
    thread_tags (id) {
        id -> BigInt,
        thread_id -> BigInt,
        tag_id -> BigInt,
        active_at -> BigInt,
    }
}

diesel::table! {
    posts (id) {
        id -> BigInt,
        thread_id -> BigInt,
        author_id -> BigInt,
        number -> BigInt,
        body -> Text,
        body_html -> Text,
        created_at -> BigInt,
        edited_at -> Nullable<BigInt>,
        edit_count -> BigInt,
        official -> Bool,
        accepted_at -> Nullable<BigInt>,
        accepted_by -> Nullable<BigInt>,
        reply_to_id -> Nullable<BigInt>,
        deleted_at -> Nullable<BigInt>,
        deleted_by -> Nullable<BigInt>,
        request_key -> Nullable<Text>,
    }
}

diesel::table! {
    post_revisions (id) {
        id -> BigInt,
        post_id -> BigInt,
        number -> BigInt,
        editor_id -> BigInt,
        title -> Nullable<Text>,
        body -> Text,
        reason -> Text,
        created_at -> BigInt,
        hidden_at -> Nullable<BigInt>,
        hidden_by -> Nullable<BigInt>,
    }
}

diesel::table! {
    me_toos (id) {
        id -> BigInt,
        thread_id -> BigInt,
        user_id -> BigInt,
        created_at -> BigInt,
    }
}

diesel::table! {
    subscriptions (id) {
        id -> BigInt,
        user_id -> BigInt,
        subject_kind -> Text,
        subject_id -> BigInt,
        created_at -> BigInt,
    }
}

diesel::table! {
    notifications (id) {
        id -> BigInt,
        user_id -> BigInt,
        kind -> Text,
        thread_id -> Nullable<BigInt>,
        post_id -> Nullable<BigInt>,
        case_id -> Nullable<BigInt>,
        actor_id -> Nullable<BigInt>,
        created_at -> BigInt,
        read_at -> Nullable<BigInt>,
        dedupe_key -> Text,
    }
}

diesel::table! {
    cases (id) {
        id -> BigInt,
        state -> Text,
        severity -> Text,
        channel -> Text,
        summary -> Text,
        product_id -> Nullable<BigInt>,
        topic_id -> Nullable<BigInt>,
        user_id -> Nullable<BigInt>,
        handle_id -> Nullable<BigInt>,
        email -> Nullable<Text>,
        email_key -> Nullable<Text>,
        customer_name -> Text,
        customer_name_key -> Text,
        assignee_id -> Nullable<BigInt>,
        opened_at -> BigInt,
        waiting_since -> Nullable<BigInt>,
        first_response_at -> Nullable<BigInt>,
        resolved_at -> Nullable<BigInt>,
        closed_at -> Nullable<BigInt>,
        reopened_count -> BigInt,
        merged_into_id -> Nullable<BigInt>,
        satisfaction -> Nullable<Text>,
        satisfaction_comment -> Nullable<Text>,
        satisfaction_at -> Nullable<BigInt>,
        last_event_at -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    case_events (id) {
        id -> BigInt,
        case_id -> BigInt,
        mention_id -> Nullable<BigInt>,
        step -> Text,
        actor_kind -> Text,
        actor_id -> Nullable<BigInt>,
        actor_name -> Text,
        summary -> Text,
        reasons -> Text,
        data -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    links (id) {
        id -> BigInt,
        case_id -> BigInt,
        target -> Text,
        thread_id -> Nullable<BigInt>,
        other_case_id -> Nullable<BigInt>,
        state -> Text,
        score -> Double,
        reasons -> Text,
        rule -> Text,
        created_at -> BigInt,
        decided_at -> Nullable<BigInt>,
        decided_by -> Nullable<BigInt>,
        told_at -> Nullable<BigInt>,
        target_key -> Text,
    }
}

diesel::table! {
    case_notes (id) {
        id -> BigInt,
        case_id -> BigInt,
        author_id -> BigInt,
        body -> Text,
        created_at -> BigInt,
        request_key -> Nullable<Text>,
    }
}

diesel::table! {
    mentions (id) {
        id -> BigInt,
        network -> Text,
        network_post_id -> Text,
        first_post_id -> Text,
        conversation_id -> Text,
        in_reply_to_post_id -> Nullable<Text>,
        in_reply_to_user_id -> Nullable<Text>,
        quoted_post_id -> Nullable<Text>,
        kind -> Text,
        ours -> Bool,
        summoned -> Bool,
        handle_id -> Nullable<BigInt>,
        #[sql_name = "text"]
        body_text -> Text,
        language -> Nullable<Text>,
        url -> Nullable<Text>,
        posted_at -> BigInt,
        received_at -> BigInt,
        intake_id -> Nullable<BigInt>,
        raw -> Text,
        source -> Text,
        stage -> Text,
        case_id -> Nullable<BigInt>,
        attempts -> BigInt,
        retry_at -> Nullable<BigInt>,
        error -> Nullable<Text>,
        deleted_at -> Nullable<BigInt>,
        checked_at -> BigInt,
        looked_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    triages (id) {
        id -> BigInt,
        mention_id -> BigInt,
        label -> Text,
        p_complaint -> Double,
        severity -> Text,
        product_id -> Nullable<BigInt>,
        topic_id -> Nullable<BigInt>,
        language -> Nullable<Text>,
        needs_account -> Bool,
        personal_data -> Text,
        reasons -> Text,
        by_user_id -> Nullable<BigInt>,
        created_at -> BigInt,
        standing -> Nullable<Text>,
    }
}

diesel::table! {
    replies (id) {
        id -> BigInt,
        case_id -> BigInt,
        mention_id -> BigInt,
        purpose -> Text,
        body -> Text,
        has_link -> Bool,
        weighted_length -> BigInt,
        cost_micros -> BigInt,
        state -> Text,
        handoff -> Bool,
        automatic -> Bool,
        dedupe_key -> Text,
        drafted_by -> Nullable<BigInt>,
        approved_by -> Nullable<BigInt>,
        created_at -> BigInt,
        approved_at -> Nullable<BigInt>,
        approved_event -> Nullable<BigInt>,
        sending_since -> Nullable<BigInt>,
        sent_at -> Nullable<BigInt>,
        target_post_id -> Nullable<Text>,
        network_post_id -> Nullable<Text>,
        attempts -> BigInt,
        error -> Nullable<Text>,
        version -> BigInt,
    }
}

diesel::table! {
    claims (id) {
        id -> BigInt,
        case_id -> BigInt,
        handle_id -> BigInt,
        token_hash -> Text,
        code -> Text,
        state -> Text,
        proof -> Nullable<Text>,
        created_at -> BigInt,
        expires_at -> BigInt,
        proved_at -> Nullable<BigInt>,
        completed_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    network_state (id) {
        id -> BigInt,
        network -> Text,
        name -> Text,
        value -> Text,
        updated_at -> BigInt,
    }
}

diesel::table! {
    network_spend (id) {
        id -> BigInt,
        network -> Text,
        day -> Text,
        class -> Text,
        calls -> BigInt,
        units -> BigInt,
        cost_micros -> BigInt,
    }
}

diesel::table! {
    tickets (id) {
        id -> BigInt,
        case_id -> BigInt,
        subject -> Text,
        opened_by -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    ticket_messages (id) {
        id -> BigInt,
        ticket_id -> BigInt,
        direction -> Text,
        author_id -> Nullable<BigInt>,
        from_name -> Text,
        from_email -> Nullable<Text>,
        body -> Text,
        quoted -> Text,
        body_html -> Nullable<Text>,
        message_id -> Nullable<Text>,
        in_reply_to -> Nullable<Text>,
        intake_id -> Nullable<BigInt>,
        mail_id -> Nullable<BigInt>,
        created_at -> BigInt,
        request_key -> Nullable<Text>,
    }
}

diesel::table! {
    attachments (id) {
        id -> BigInt,
        ticket_message_id -> BigInt,
        filename -> Text,
        content_type -> Text,
        byte_count -> BigInt,
        storage_key -> Text,
        created_at -> BigInt,
        shown -> Text,
    }
}

diesel::table! {
    reply_tokens (id) {
        id -> BigInt,
        ticket_id -> BigInt,
        email_key -> Text,
        token_hash -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    mails (id) {
        id -> BigInt,
        purpose -> Text,
        to_email -> Text,
        to_name -> Text,
        from_email -> Text,
        from_name -> Text,
        reply_to -> Nullable<Text>,
        subject -> Text,
        #[sql_name = "text"]
        body_text -> Text,
        html -> Text,
        headers -> Text,
        message_id -> Text,
        in_reply_to -> Nullable<Text>,
        refs -> Text,
        user_id -> Nullable<BigInt>,
        case_id -> Nullable<BigInt>,
        dedupe_key -> Text,
        state -> Text,
        attempts -> BigInt,
        error -> Nullable<Text>,
        created_at -> BigInt,
        sending_since -> Nullable<BigInt>,
        sent_at -> Nullable<BigInt>,
        bounced_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    mailboxes (id) {
        id -> BigInt,
        name -> Text,
        uid_validity -> Nullable<BigInt>,
        last_uid -> BigInt,
        state -> Text,
        error -> Nullable<Text>,
        failed_at -> Nullable<BigInt>,
        ok_at -> Nullable<BigInt>,
        mail_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    hook_calls (id) {
        id -> BigInt,
        provider -> Text,
        key -> Text,
        received_at -> BigInt,
    }
}

diesel::table! {
    mail_addresses (id) {
        id -> BigInt,
        email_key -> Text,
        email -> Text,
        score -> BigInt,
        bounced_at -> Nullable<BigInt>,
        held_at -> Nullable<BigInt>,
        reason -> Text,
    }
}

diesel::table! {
    thread_reply_tokens (id) {
        id -> BigInt,
        thread_id -> BigInt,
        user_id -> BigInt,
        token_hash -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    mail_tests (id) {
        id -> BigInt,
        mail_id -> BigInt,
        to_email -> Text,
        user_id -> BigInt,
        created_at -> BigInt,
        arrived_at -> Nullable<BigInt>,
        spf -> Nullable<Text>,
        dkim -> Nullable<Text>,
        dmarc -> Nullable<Text>,
    }
}

diesel::table! {
    inbound_mails (id) {
        id -> BigInt,
        intake_id -> BigInt,
        message_id -> Text,
        from_key -> Text,
        dedupe_key -> Text,
        decision -> Text,
        reason -> Text,
        ticket_id -> Nullable<BigInt>,
        created_at -> BigInt,
    }
}

diesel::table! {
    intake (id) {
        id -> BigInt,
        channel -> Text,
        source -> Text,
        body -> Binary,
        digest -> Text,
        state -> Text,
        error -> Nullable<Text>,
        attempts -> BigInt,
        received_at -> BigInt,
        done_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    jobs (id) {
        id -> BigInt,
        kind -> Text,
        payload -> Text,
        dedupe_key -> Nullable<Text>,
        state -> Text,
        run_at -> BigInt,
        lease_until -> Nullable<BigInt>,
        lease_owner -> Nullable<Text>,
        attempts -> BigInt,
        last_error -> Nullable<Text>,
        created_at -> BigInt,
        done_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    leases (id) {
        id -> BigInt,
        name -> Text,
        owner -> Text,
        expires_at -> BigInt,
    }
}

diesel::table! {
    spikes (id) {
        id -> BigInt,
        state -> Text,
        product_id -> Nullable<BigInt>,
        words -> Text,
        span -> BigInt,
        author_count -> BigInt,
        expected -> Double,
        ln_chance -> Double,
        thread_id -> Nullable<BigInt>,
        created_at -> BigInt,
        last_at -> BigInt,
        looked_to -> BigInt,
        decided_at -> Nullable<BigInt>,
        decided_by -> Nullable<BigInt>,
        reason -> Text,
    }
}

diesel::table! {
    spike_members (id) {
        id -> BigInt,
        spike_id -> BigInt,
        case_id -> BigInt,
        state -> Text,
        added_at -> BigInt,
    }
}

diesel::table! {
    deflections (id) {
        id -> BigInt,
        key -> Text,
        place -> Text,
        product_id -> Nullable<BigInt>,
        user_id -> Nullable<BigInt>,
        shown_at -> BigInt,
        thread_id -> Nullable<BigInt>,
        opened_at -> Nullable<BigInt>,
        solved_at -> Nullable<BigInt>,
        written_at -> Nullable<BigInt>,
        taken_back_at -> Nullable<BigInt>,
        case_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    case_candidates (case_id) {
        case_id -> BigInt,
        measured -> Text,
        measured_at -> BigInt,
    }
}

diesel::table! {
    case_numbers (id) {
        id -> BigInt,
        case_id -> BigInt,
        number_key -> Text,
    }
}

diesel::table! {
    site_models (id) {
        id -> BigInt,
        kind -> Text,
        state -> Text,
        weights -> Binary,
        examples -> BigInt,
        digest -> Text,
        base -> Text,
        comparison -> Text,
        trained_at -> BigInt,
        changed_at -> BigInt,
        changed_by -> Nullable<BigInt>,
    }
}

diesel::table! {
    changes (id) {
        id -> BigInt,
        subject_kind -> Text,
        subject_id -> BigInt,
        at -> BigInt,
    }
}

diesel::table! {
    settings (id) {
        id -> BigInt,
        name -> Text,
        value -> Text,
        updated_at -> BigInt,
    }
}

diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(one_time_tokens -> users (user_id));
diesel::joinable!(handles -> users (user_id));
diesel::joinable!(consents -> handles (handle_id));
diesel::joinable!(consents -> users (user_id));
diesel::joinable!(staff_products -> users (user_id));
diesel::joinable!(staff_products -> products (product_id));
diesel::joinable!(topics -> products (product_id));
diesel::joinable!(threads -> products (product_id));
diesel::joinable!(threads -> topics (topic_id));
diesel::joinable!(threads -> users (author_id));
diesel::joinable!(thread_tags -> threads (thread_id));
diesel::joinable!(thread_tags -> tags (tag_id));
diesel::joinable!(posts -> threads (thread_id));
diesel::joinable!(posts -> users (author_id));
diesel::joinable!(post_revisions -> posts (post_id));
diesel::joinable!(post_revisions -> users (editor_id));
diesel::joinable!(me_toos -> threads (thread_id));
diesel::joinable!(me_toos -> users (user_id));
diesel::joinable!(subscriptions -> users (user_id));
diesel::joinable!(notifications -> users (user_id));
diesel::joinable!(notifications -> threads (thread_id));
diesel::joinable!(cases -> products (product_id));
diesel::joinable!(cases -> topics (topic_id));
diesel::joinable!(cases -> handles (handle_id));
diesel::joinable!(case_events -> cases (case_id));
diesel::joinable!(links -> threads (thread_id));
diesel::joinable!(case_notes -> cases (case_id));
diesel::joinable!(case_notes -> users (author_id));
diesel::joinable!(mentions -> handles (handle_id));
diesel::joinable!(mentions -> cases (case_id));
diesel::joinable!(triages -> mentions (mention_id));
diesel::joinable!(triages -> products (product_id));
diesel::joinable!(triages -> topics (topic_id));
diesel::joinable!(replies -> cases (case_id));
diesel::joinable!(replies -> mentions (mention_id));
diesel::table! {
    thread_vectors (id) {
        id -> BigInt,
        model -> Text,
        thread_id -> BigInt,
        digest -> Text,
        vectors -> Binary,
        place -> BigInt,
    }
}

diesel::table! {
    vector_progress (model) {
        model -> Text,
        thread_id -> Nullable<BigInt>,
        change_id -> BigInt,
    }
}

diesel::joinable!(claims -> cases (case_id));
diesel::joinable!(thread_vectors -> threads (thread_id));
diesel::joinable!(claims -> handles (handle_id));
diesel::joinable!(tickets -> cases (case_id));
diesel::joinable!(spike_members -> spikes (spike_id));
diesel::joinable!(deflections -> threads (thread_id));
diesel::joinable!(case_candidates -> cases (case_id));
diesel::joinable!(case_numbers -> cases (case_id));
diesel::joinable!(spike_members -> cases (case_id));
diesel::joinable!(mail_tests -> mails (mail_id));
diesel::joinable!(ticket_messages -> tickets (ticket_id));
diesel::joinable!(ticket_messages -> users (author_id));
diesel::joinable!(attachments -> ticket_messages (ticket_message_id));
diesel::joinable!(reply_tokens -> tickets (ticket_id));
diesel::joinable!(mails -> users (user_id));
diesel::joinable!(mails -> cases (case_id));
diesel::joinable!(inbound_mails -> intake (intake_id));
diesel::joinable!(inbound_mails -> tickets (ticket_id));

diesel::allow_tables_to_appear_in_same_query!(
    attachments,
    audit_log,
    case_candidates,
    case_events,
    case_notes,
    case_numbers,
    cases,
    changes,
    claims,
    consents,
    deflections,
    handles,
    inbound_mails,
    intake,
    jobs,
    leases,
    links,
    mail_tests,
    mails,
    me_toos,
    mentions,
    network_spend,
    network_state,
    notifications,
    one_time_tokens,
    post_revisions,
    posts,
    products,
    replies,
    reply_tokens,
    sessions,
    settings,
    spike_members,
    spikes,
    staff_products,
    subscriptions,
    tags,
    thread_tags,
    thread_vectors,
    threads,
    ticket_messages,
    tickets,
    topics,
    triages,
    users,
    vector_progress,
);

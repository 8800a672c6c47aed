//! Says yes to Amazon's question whether we want the mails of the configured topic.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::{Job, Next};
use crate::net::http_client;

/// Longest wait for the answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Calls the address of SNS that a signed question named.
#[derive(Serialize, Deserialize)]
pub struct ConfirmTopic {
    pub url: String,
}

impl Job for ConfirmTopic {
    const KIND: &'static str = "confirm_topic";

    fn run(&self, _: &App) -> Result<Next> {
        let answer = http_client(TIMEOUT)
            .get(&self.url)
            .call()
            .map_err(|e| Error::other(format!("SNS can't be reached: {e}")))?;
        if !answer.status().is_success() {
            return Err(Error::other(format!(
                "SNS did not confirm the subscription: it answered {}",
                answer.status()
            )));
        }
        tracing::info!("confirmed the subscription to the topic of webhooks.ses_topic_arn");
        Ok(Next::Done)
    }
}

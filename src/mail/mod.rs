//! Mail: raw bytes to `InboundMail`, quote trimming, message ids, outgoing messages and their transports.

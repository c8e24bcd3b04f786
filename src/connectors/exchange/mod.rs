//! Microsoft Exchange by Exchange Web Services.

//! The Salesforce organisation.

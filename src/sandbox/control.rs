//! What tests and people may ask of a running sandbox.

//! Everyday measures, in the unit that one wants to read.
//!
//! Each kind of measure is a module below its heading.

// Lengths

// Temperatures

// Weights

// Quantities

// Numbers
pub mod number;

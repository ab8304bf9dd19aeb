//! Rows of TIFF files that other programs made, held against those programs' own decoding.

mod handmade;
mod hostile;
mod original;
mod variants;
mod workshop;

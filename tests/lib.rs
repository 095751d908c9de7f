//! Empty: the package holds one integration binary, `suite`.

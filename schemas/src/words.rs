//! Macro that declares a closed set of words.

/// An enum of unit variants, each with the word that stands for it in JSON, in logs and in metric labels, so that all
/// three have the same words.
macro_rules! words {
    (
        $(#[$about:meta])*
        $name:ident {
            $($(#[doc = $doc:literal])+ $(#[serde($($serde:tt)*)])? $variant:ident = $word:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        pub enum $name {
            $(
                $(#[doc = $doc])+
                #[serde(rename = $word)]
                $(#[serde($($serde)*)])?
                $variant,
            )+
        }

        impl $name {
            /// Every value, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word it is written as.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// A sentence on it, for reference pages.
            pub fn description(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc),+).trim_ascii(),)+
                }
            }

            /// Every value's word and its sentence, in the order of their declaration.
            pub fn described() -> impl Iterator<Item = (&'static str, &'static str)> {
                Self::ALL.iter().map(|value| (value.as_str(), value.description()))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

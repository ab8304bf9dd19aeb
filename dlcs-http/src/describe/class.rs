//! What there is to say of a resource: its type and its properties.

/// A type of resource, or of anything else that is JSON.
#[derive(Debug)]
pub(crate) struct Class {
    /// Its name on the wire, with the prefix `vocab:`; what has no `@type` on the wire has no prefix.
    pub(crate) type_: &'static str,
    /// What it is, in one sentence.
    pub(crate) text: &'static str,
    /// The names that are looked at in requests.
    pub(crate) known: &'static [&'static str],
    /// Its properties in the order of the wire.
    pub(crate) properties: &'static [Property],
}

impl Class {
    /// Its name.
    pub(crate) fn name(&self) -> &'static str {
        self.type_.strip_prefix(PREFIX).unwrap_or(self.type_)
    }

    /// Whether it has an address and a type of its own.
    pub(crate) fn is_resource(&self) -> bool {
        self.type_.starts_with(PREFIX)
    }

    /// Whether requests have it.
    pub(crate) fn is_taken(&self) -> bool {
        self.properties.iter().any(|property| property.is_written)
    }

    /// Whether answers have it.
    pub(crate) fn is_given(&self) -> bool {
        self.properties.iter().any(|property| property.is_read)
    }

    /// What stands in it, one step down.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &'static Self> {
        let types = self.properties.iter();
        let types = types.flat_map(|property| [&property.type_].into_iter().chain(property.takes));
        types.filter_map(|type_| match type_ {
            Type::List(class) => Some(*class),
            _ => None,
        })
    }
}

/// How the types of resources are written.
const PREFIX: &str = "vocab:";

/// A property of a resource.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Property {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it holds.
    pub(crate) type_: Type,
    /// What requests may have in its place, where that is more; empty where it is not.
    pub(crate) takes: &'static [Type],
    /// Whether answers have it.
    pub(crate) is_read: bool,
    /// Whether requests can set it.
    pub(crate) is_written: bool,
    /// Whether answers may lack it.
    pub(crate) is_optional: bool,
    /// Whether what is new must have it.
    pub(crate) is_needed: bool,
    /// Whether listings can go by it.
    pub(crate) is_order: bool,
    /// What it means, in one sentence.
    pub(crate) text: &'static str,
    /// A text that it can be, where not every one will do.
    pub(crate) example: Option<&'static str>,
}

impl Property {
    const fn new(name: &'static str, type_: Type, text: &'static str) -> Self {
        Self {
            name,
            type_,
            takes: &[],
            is_read: false,
            is_written: false,
            is_optional: false,
            is_needed: false,
            is_order: false,
            text,
            example: None,
        }
    }

    /// The same, which answers may lack.
    pub(crate) const fn optional(self) -> Self {
        Self {
            is_optional: true,
            ..self
        }
    }

    /// The same, which what is new must have.
    pub(crate) const fn needed(self) -> Self {
        Self {
            is_needed: true,
            ..self
        }
    }

    /// The same, which no listing goes by.
    pub(crate) const fn unordered(self) -> Self {
        Self {
            is_order: false,
            ..self
        }
    }

    /// The same, with a text that it can be.
    pub(crate) const fn such_as(self, example: &'static str) -> Self {
        Self {
            example: Some(example),
            ..self
        }
    }

    /// The same, in whose place requests may have any of these.
    pub(crate) const fn taking(self, takes: &'static [Type]) -> Self {
        Self { takes, ..self }
    }
}

/// A property that the program sets.
pub(crate) const fn ro(name: &'static str, type_: Type, text: &'static str) -> Property {
    Property {
        is_read: true,
        is_order: true,
        ..Property::new(name, type_, text)
    }
}

/// A property that clients set.
pub(crate) const fn rw(name: &'static str, type_: Type, text: &'static str) -> Property {
    Property {
        is_written: true,
        ..ro(name, type_, text)
    }
}

/// A property that clients set and nobody sees again.
pub(crate) const fn wo(name: &'static str, type_: Type, text: &'static str) -> Property {
    Property {
        is_written: true,
        ..Property::new(name, type_, text)
    }
}

/// What a property holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Type {
    /// Any text.
    Text,
    /// One of these.
    Word(&'static [&'static str]),
    /// A date: RFC 3339.
    Date,
    /// The address of another resource.
    Link,
    /// True or false.
    Boolean,
    /// A whole number of 64 bits.
    Integer,
    /// A whole number that is not negative.
    Natural,
    /// A list of texts.
    Texts,
    /// A list of numbers that are not negative.
    Naturals,
    /// Any object.
    Object,
    /// A list of any objects.
    Objects,
    /// A list of these.
    List(&'static Class),
}

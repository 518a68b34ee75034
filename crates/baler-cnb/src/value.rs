//! Free values (`metadata` of layers, store.toml, project-metadata.toml) on their way through labels.
//!
//! Those values begin as TOML and become JSON in a label or in the cache, and TOML again in the next build. Buildpacks
//! have adapted to what the reference lifecycle does on that way: integers return as floats, date-times as text.

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Deserialize, Serialize, Serializer};
use toml::value::{Datetime, Offset};

/// A free value as labels hold it.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelValue(pub toml::Value);

/// A free table as labels hold it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelTable(pub toml::Table);

impl From<toml::Value> for LabelValue {
    fn from(value: toml::Value) -> Self {
        Self(value)
    }
}

impl From<toml::Table> for LabelTable {
    fn from(table: toml::Table) -> Self {
        Self(table)
    }
}

impl Serialize for LabelValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_value(&self.0, serializer)
    }
}

impl Serialize for LabelTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_table(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for LabelValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(FreeValue)?;
        // A null inside of a table or list is left out; at the top it is a table with nothing in it.
        Ok(Self(value.unwrap_or_else(|| toml::Value::Table(toml::Table::new()))))
    }
}

impl<'de> Deserialize<'de> for LabelTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(FreeValue)? {
            Some(toml::Value::Table(table)) => Ok(Self(table)),
            None => Ok(Self::default()),
            Some(other) => Err(serde::de::Error::custom(format!("expected a table, found {}", other.type_str()))),
        }
    }
}

/// Writes a table for a label: date-times become text, numbers that JSON does not have are refused.
pub(crate) fn serialize_table<S: Serializer>(table: &toml::Table, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(table.len()))?;
    for (key, value) in table {
        map.serialize_entry(key, &Borrowed(value))?;
    }
    map.end()
}

/// Reads null as the default value: Go writes it for a list that was never filled.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

struct Borrowed<'a>(&'a toml::Value);

impl Serialize for Borrowed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_value(self.0, serializer)
    }
}

fn serialize_value<S: Serializer>(value: &toml::Value, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        toml::Value::String(text) => serializer.serialize_str(text),
        toml::Value::Integer(number) => serializer.serialize_i64(*number),
        toml::Value::Float(number) if number.is_finite() => serializer.serialize_f64(*number),
        toml::Value::Float(number) => Err(S::Error::custom(format!("{number} cannot be stored in a label"))),
        toml::Value::Boolean(flag) => serializer.serialize_bool(*flag),
        toml::Value::Datetime(datetime) => serializer.serialize_str(&go_time_text(*datetime)),
        toml::Value::Array(items) => {
            let mut list = serializer.serialize_seq(Some(items.len()))?;
            for item in items {
                list.serialize_element(&Borrowed(item))?;
            }
            list.end()
        }
        toml::Value::Table(table) => serialize_table(table, serializer),
    }
}

/// The text that Go's JSON encoder gives a TOML date-time: RFC 3339, missing parts filled in, local times as UTC.
fn go_time_text(datetime: Datetime) -> String {
    let date = datetime.date.map_or_else(|| "0000-01-01".to_owned(), |date| date.to_string());
    let Some(time) = datetime.time else { return format!("{date}T00:00:00Z") };
    let mut text = format!("{date}T{:02}:{:02}:{:02}", time.hour, time.minute, time.second.unwrap_or(0));
    let fraction = format!("{:09}", time.nanosecond.unwrap_or(0));
    let fraction = fraction.trim_end_matches('0');
    if !fraction.is_empty() {
        text = format!("{text}.{fraction}");
    }
    match datetime.offset {
        Some(Offset::Custom { minutes }) if minutes != 0 => {
            let sign = if minutes < 0 { '-' } else { '+' };
            format!("{text}{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
        }
        Some(Offset::Custom { .. } | Offset::Z) | None => format!("{text}Z"),
    }
}

/// Reads any value; numbers become floats, null becomes `None`.
struct FreeValue;

impl<'de> Visitor<'de> for FreeValue {
    type Value = Option<toml::Value>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Some(toml::Value::Boolean(flag)))
    }

    #[expect(clippy::cast_precision_loss, reason = "what the reference does to integers in labels")]
    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(toml::Value::Float(number as f64)))
    }

    #[expect(clippy::cast_precision_loss, reason = "what the reference does to integers in labels")]
    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(toml::Value::Float(number as f64)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(toml::Value::Float(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(toml::Value::String(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(Seed)? {
            items.extend(item);
        }
        Ok(Some(toml::Value::Array(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut table = toml::Table::new();
        while let Some(key) = access.next_key::<String>()? {
            if let Some(value) = access.next_value_seed(Seed)? {
                table.insert(key, value);
            }
        }
        Ok(Some(toml::Value::Table(table)))
    }
}

struct Seed;

impl<'de> serde::de::DeserializeSeed<'de> for Seed {
    type Value = Option<toml::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(FreeValue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through_a_label(text: &str) -> (String, String) {
        let table: toml::Table = toml::from_str(text).unwrap();
        let json = crate::labels::encode(&LabelTable(table)).unwrap();
        let back: LabelTable = serde_json::from_str(&json).unwrap();
        (json, toml::to_string(&back.0).unwrap())
    }

    #[test]
    fn integers_return_as_floats_and_times_as_text() {
        let cases = [
            ("n = 3", r#"{"n":3}"#, "n = 3.0\n"),
            ("n = 3.0", r#"{"n":3}"#, "n = 3.0\n"),
            ("n = 0.1", r#"{"n":0.1}"#, "n = 0.1\n"),
            ("n = [1, true]", r#"{"n":[1,true]}"#, "n = [1.0, true]\n"),
            ("t = 1979-05-27T07:32:00Z", r#"{"t":"1979-05-27T07:32:00Z"}"#, "t = \"1979-05-27T07:32:00Z\"\n"),
            (
                "t = 1979-05-27T07:32:00.500-07:00",
                r#"{"t":"1979-05-27T07:32:00.5-07:00"}"#,
                "t = \"1979-05-27T07:32:00.5-07:00\"\n",
            ),
            ("t = 1979-05-27", r#"{"t":"1979-05-27T00:00:00Z"}"#, "t = \"1979-05-27T00:00:00Z\"\n"),
            ("t = 07:32:00", r#"{"t":"0000-01-01T07:32:00Z"}"#, "t = \"0000-01-01T07:32:00Z\"\n"),
            ("[b]\nx = 1\n[a]\n", r#"{"a":{},"b":{"x":1}}"#, "[a]\n\n[b]\nx = 1.0\n"),
        ];
        for (text, json, back) in cases {
            assert_eq!(through_a_label(text), (json.to_owned(), back.to_owned()), "{text}");
        }
    }

    #[test]
    fn numbers_that_json_has_not_are_refused() {
        let table: toml::Table = toml::from_str("n = inf").unwrap();
        let error = crate::labels::encode(&LabelTable(table)).unwrap_err();
        assert_eq!(error.to_string(), "inf cannot be stored in a label");
    }

    #[test]
    fn null_is_left_out() {
        let table: LabelTable = serde_json::from_str(r#"{"a":null,"b":[1,null]}"#).unwrap();
        assert_eq!(toml::to_string(&table.0).unwrap(), "b = [1.0]\n");
        assert!(serde_json::from_str::<LabelTable>("3").is_err());
    }
}

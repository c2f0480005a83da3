//! The rule of a composite alarm: `ALARM("a") AND (OK(b) OR NOT INSUFFICIENT_DATA(c))`, TRUE and FALSE.

use super::StateValue;

const DEEPEST: usize = 32;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Rule {
    Constant(bool),
    /// The name of an alarm is in this state.
    Is(StateValue, String),
    Not(Box<Rule>),
    And(Vec<Rule>),
    Or(Vec<Rule>),
}

impl Rule {
    pub(super) fn parse(text: &str) -> Result<Rule, String> {
        let mut parser = Parser { rest: text.trim(), depth: 0 };
        let rule = parser.any_of()?;
        match parser.rest {
            "" => Ok(rule),
            rest => Err(format!("unexpected '{rest}'")),
        }
    }

    /// `state` is that of an alarm; one that is gone is in none.
    pub(super) fn holds(&self, state: &impl Fn(&str) -> Option<StateValue>) -> bool {
        match self {
            Rule::Constant(value) => *value,
            Rule::Is(wanted, name) => state(name) == Some(*wanted),
            Rule::Not(rule) => !rule.holds(state),
            Rule::And(rules) => rules.iter().all(|rule| rule.holds(state)),
            Rule::Or(rules) => rules.iter().any(|rule| rule.holds(state)),
        }
    }

    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Rule::Constant(_) => Vec::new(),
            Rule::Is(_, name) => vec![name],
            Rule::Not(rule) => rule.names(),
            Rule::And(rules) | Rule::Or(rules) => rules.iter().flat_map(Rule::names).collect(),
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn any_of(&mut self) -> Result<Rule, String> {
        let mut rules = vec![self.all_of()?];
        while self.word("OR") {
            rules.push(self.all_of()?);
        }
        Ok(if rules.len() == 1 { rules.remove(0) } else { Rule::Or(rules) })
    }

    fn all_of(&mut self) -> Result<Rule, String> {
        let mut rules = vec![self.one()?];
        while self.word("AND") {
            rules.push(self.one()?);
        }
        Ok(if rules.len() == 1 { rules.remove(0) } else { Rule::And(rules) })
    }

    fn one(&mut self) -> Result<Rule, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("the rule is nested too deeply".into());
        }
        let rule = if self.word("NOT") {
            Rule::Not(Box::new(self.one()?))
        } else if self.symbol('(') {
            let inner = self.any_of()?;
            self.expect(')')?;
            inner
        } else if self.word("TRUE") {
            Rule::Constant(true)
        } else if self.word("FALSE") {
            Rule::Constant(false)
        } else {
            let states = [StateValue::Ok, StateValue::Alarm, StateValue::InsufficientData];
            let state = states.into_iter().find(|state| self.word(state.name()));
            let state = state.ok_or_else(|| format!("unexpected '{}'", self.rest))?;
            self.expect('(')?;
            let name = self.name()?;
            self.expect(')')?;
            Rule::Is(state, name)
        };
        self.depth -= 1;
        Ok(rule)
    }

    /// A name or an ARN, with or without quotes.
    fn name(&mut self) -> Result<String, String> {
        let (name, rest) = match self.rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or("a quote is not closed")?,
            None => self.rest.split_at(self.rest.find([')', ' ']).unwrap_or(self.rest.len())),
        };
        self.rest = rest.trim_start();
        let name = name.split_once(":alarm:").map_or(name, |(_, name)| name);
        if name.is_empty() { Err("a name is missing".into()) } else { Ok(name.to_owned()) }
    }

    fn word(&mut self, word: &str) -> bool {
        let fits = self.rest.get(..word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word));
        let ends = !self
            .rest
            .get(word.len()..)
            .unwrap_or_default()
            .starts_with(|it: char| it.is_ascii_alphanumeric() || it == '_');
        if fits && ends {
            self.rest = self.rest[word.len()..].trim_start();
        }
        fits && ends
    }

    fn symbol(&mut self, symbol: char) -> bool {
        match self.rest.strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, symbol: char) -> Result<(), String> {
        match self.symbol(symbol) {
            true => Ok(()),
            false => Err(format!("'{symbol}' is missing before '{}'", self.rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn rules_are_read_and_hold() {
        let state = |name: &str| match name {
            "a" => Some(StateValue::Alarm),
            "o k" => Some(StateValue::Ok),
            "i" => Some(StateValue::InsufficientData),
            _ => None,
        };
        for (text, expected) in [
            ("ALARM(a)", true),
            ("ALARM(\"a\") AND OK(\"o k\")", true),
            ("ALARM(i) OR INSUFFICIENT_DATA(i)", true),
            ("NOT ALARM(a)", false),
            ("not (alarm(i) or FALSE) and TRUE", true),
            ("ALARM(a) OR ALARM(i) AND FALSE", true),
            ("ALARM(arn:aws:cloudwatch:eu-central-1:123456789012:alarm:a)", true),
            ("OK(gone)", false),
        ] {
            assert_eq!(Rule::parse(text).unwrap().holds(&state), expected, "{text}");
        }
        assert_eq!(Rule::parse("ALARM(a) AND NOT OK(b)").unwrap().names(), ["a", "b"]);
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in ["", "ALARM", "ALARM()", "ALARM(a", "ALARM(a) AND", "ALARMS(a)", "ALARM(a) b", "OK(\"a)"]
        {
            assert!(Rule::parse(text).is_err(), "{text}");
        }
        assert!(Rule::parse(&"NOT ".repeat(100)).unwrap_err().contains("deeply"));
    }
}

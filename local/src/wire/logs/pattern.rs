//! Filter patterns: words, and expressions over the fields of lines that are JSON.
//!
//! ```text
//!  error -debug ?slow ?"timed out"              words
//!  { $.a.b = "x*" && ($.n > 3 || $.c NOT EXISTS) }   fields
//! ```

use serde_json::Value;

use super::invalid;
use crate::world::Refusal;

#[derive(Debug)]
pub(super) enum Pattern {
    Words(Terms),
    Fields(Expression),
}

impl Pattern {
    pub(super) fn parse(pattern: &str) -> Result<Pattern, Refusal> {
        let pattern = pattern.trim();
        if pattern.starts_with(['[', '%']) {
            return Err(invalid(
                "Invalid filter pattern: words and { expressions over fields } are known here, no columns and no \
                 regular expressions.",
            ));
        }
        match pattern.strip_prefix('{') {
            Some(rest) => {
                let inner = rest.strip_suffix('}').ok_or_else(not_a_pattern)?;
                Ok(Pattern::Fields(Parser::new(inner)?.whole()?))
            }
            None => Ok(Pattern::Words(Terms::parse(pattern)?)),
        }
    }

    pub(super) fn fits(&self, line: &str) -> bool {
        match self {
            Pattern::Words(terms) => terms.fit(line),
            // A line that is no JSON has no fields.
            Pattern::Fields(expression) => {
                serde_json::from_str(line).is_ok_and(|line| expression.holds(&line))
            }
        }
    }
}

fn not_a_pattern() -> Refusal {
    invalid("Invalid filter pattern.")
}

/// Words that a line has to have, must not have (`-word`), or of which it needs one (`?word`). `"…"` is one word.
#[derive(Debug, Default)]
pub(super) struct Terms {
    all: Vec<String>,
    none: Vec<String>,
    any: Vec<String>,
}

impl Terms {
    fn parse(pattern: &str) -> Result<Terms, Refusal> {
        let mut terms = Terms::default();
        let mut rest = pattern.trim_start();
        while !rest.is_empty() {
            let list = match rest.chars().next() {
                Some('-') => &mut terms.none,
                Some('?') => &mut terms.any,
                _ => &mut terms.all,
            };
            rest = rest.strip_prefix(['-', '?']).unwrap_or(rest);
            let (term, behind) = match rest.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').ok_or_else(not_a_pattern)?,
                None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
            };
            list.push(term.to_owned());
            rest = behind.trim_start();
        }
        Ok(terms)
    }

    fn fit(&self, line: &str) -> bool {
        let has = |term: &String| line.contains(term.as_str());
        self.all.iter().all(has)
            && !self.none.iter().any(has)
            && (self.any.is_empty() || self.any.iter().any(has))
    }
}

#[derive(Debug)]
pub(super) enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    /// Is the field there, or is it not?
    Exists(Field, bool),
    Is(Field, Value),
    Compares(Field, Comparison, Operand),
}

/// The members on the way to it; a number is also a place in a list.
type Field = Vec<String>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
}

#[derive(Debug)]
pub(super) enum Operand {
    Number(f64),
    /// With `*` for anything.
    Text(String),
}

impl Expression {
    fn holds(&self, line: &Value) -> bool {
        match self {
            Expression::All(all) => all.iter().all(|it| it.holds(line)),
            Expression::Any(any) => any.iter().any(|it| it.holds(line)),
            Expression::Exists(field, wanted) => find(line, field).is_some() == *wanted,
            Expression::Is(field, value) => find(line, field) == Some(value),
            Expression::Compares(field, comparison, operand) => {
                find(line, field).is_some_and(|found| operand.compares(found, *comparison))
            }
        }
    }
}

fn find<'a>(line: &'a Value, field: &[String]) -> Option<&'a Value> {
    field.iter().try_fold(line, |value, member| match value {
        Value::Array(items) => items.get(member.parse::<usize>().ok()?),
        _ => value.get(member),
    })
}

impl Operand {
    fn compares(&self, found: &Value, comparison: Comparison) -> bool {
        match (self, found) {
            (Operand::Number(wanted), Value::Number(found)) => {
                let order = found.as_f64().and_then(|found| found.partial_cmp(wanted));
                order.is_some_and(|order| match comparison {
                    Comparison::Equal => order.is_eq(),
                    Comparison::Unequal => order.is_ne(),
                    Comparison::Less => order.is_lt(),
                    Comparison::AtMost => order.is_le(),
                    Comparison::More => order.is_gt(),
                    Comparison::AtLeast => order.is_ge(),
                })
            }
            (Operand::Text(wanted), Value::String(found)) => match comparison {
                Comparison::Equal => is_like(found, wanted),
                Comparison::Unequal => !is_like(found, wanted),
                _ => false,
            },
            _ => false,
        }
    }
}

fn is_like(text: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return text == pattern };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, behind)) = text.split_once(part) else { return false };
        text = behind;
    }
    text.ends_with(last)
}

/// `||` binds less than `&&`, and both less than parentheses.
struct Parser<'a> {
    tokens: std::vec::IntoIter<Token<'a>>,
    next: Option<Token<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Quoted(&'a str),
    Sign(&'a str),
}

const SIGNS: [&str; 10] = ["&&", "||", "!=", "<=", ">=", "=", "<", ">", "(", ")"];

fn tokens(text: &str) -> Result<Vec<Token<'_>>, Refusal> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
        let (token, behind) = if let Some(sign) = sign {
            (Token::Sign(sign), &rest[sign.len()..])
        } else if let Some(quoted) = rest.strip_prefix('"') {
            let (text, behind) = quoted.split_once('"').ok_or_else(not_a_pattern)?;
            (Token::Quoted(text), behind)
        } else {
            let ends = |it: char| it.is_whitespace() || "&|!<>=()\"".contains(it);
            let end = rest.find(ends).unwrap_or(rest.len());
            if end == 0 {
                return Err(not_a_pattern());
            }
            (Token::Word(&rest[..end]), &rest[end..])
        };
        found.push(token);
        rest = behind.trim_start();
    }
    Ok(found)
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Parser<'a>, Refusal> {
        let mut tokens = tokens(text)?.into_iter();
        let next = tokens.next();
        Ok(Parser { tokens, next })
    }

    fn take(&mut self) -> Option<Token<'a>> {
        std::mem::replace(&mut self.next, self.tokens.next())
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is_it = self.next == Some(Token::Sign(sign));
        if is_it {
            self.take();
        }
        is_it
    }

    fn whole(mut self) -> Result<Expression, Refusal> {
        let expression = self.any()?;
        if self.next.is_none() { Ok(expression) } else { Err(not_a_pattern()) }
    }

    fn any(&mut self) -> Result<Expression, Refusal> {
        let mut parts = vec![self.all()?];
        while self.takes("||") {
            parts.push(self.all()?);
        }
        Ok(Expression::Any(parts))
    }

    fn all(&mut self) -> Result<Expression, Refusal> {
        let mut parts = vec![self.one()?];
        while self.takes("&&") {
            parts.push(self.one()?);
        }
        Ok(Expression::All(parts))
    }

    fn one(&mut self) -> Result<Expression, Refusal> {
        if self.takes("(") {
            let inner = self.any()?;
            return if self.takes(")") { Ok(inner) } else { Err(not_a_pattern()) };
        }
        let Some(Token::Word(field)) = self.take() else { return Err(not_a_pattern()) };
        let field = read_field(field)?;
        let comparison = match self.take() {
            Some(Token::Sign("=")) => Comparison::Equal,
            Some(Token::Sign("!=")) => Comparison::Unequal,
            Some(Token::Sign("<")) => Comparison::Less,
            Some(Token::Sign("<=")) => Comparison::AtMost,
            Some(Token::Sign(">")) => Comparison::More,
            Some(Token::Sign(">=")) => Comparison::AtLeast,
            Some(Token::Word("EXISTS")) => return Ok(Expression::Exists(field, true)),
            Some(Token::Word("NOT")) if self.take() == Some(Token::Word("EXISTS")) => {
                return Ok(Expression::Exists(field, false));
            }
            Some(Token::Word("IS")) => {
                let value = match self.take() {
                    Some(Token::Word("TRUE")) => Value::Bool(true),
                    Some(Token::Word("FALSE")) => Value::Bool(false),
                    Some(Token::Word("NULL")) => Value::Null,
                    _ => return Err(not_a_pattern()),
                };
                return Ok(Expression::Is(field, value));
            }
            _ => return Err(not_a_pattern()),
        };
        let operand = match self.take() {
            Some(Token::Quoted(text)) => Operand::Text(text.to_owned()),
            Some(Token::Word(word)) => match word.parse() {
                Ok(number) => Operand::Number(number),
                Err(_) => Operand::Text(word.to_owned()),
            },
            _ => return Err(not_a_pattern()),
        };
        Ok(Expression::Compares(field, comparison, operand))
    }
}

/// `$.a.b[0]`
fn read_field(text: &str) -> Result<Field, Refusal> {
    let path = text.strip_prefix("$.").filter(|path| !path.is_empty()).ok_or_else(not_a_pattern)?;
    let members = path.replace('[', ".").replace(']', "");
    let members: Vec<String> = members.split('.').map(str::to_owned).collect();
    if members.iter().any(String::is_empty) { Err(not_a_pattern()) } else { Ok(members) }
}

#[cfg(test)]
mod tests;

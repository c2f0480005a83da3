//! The text of an expression as a tree. Weakest first: OR, AND, comparisons, sums, products, sign, powers.

use super::{DEEPEST, Expression, Operator};

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Word(String),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 19] =
    ["==", "!=", "<=", ">=", "&&", "||", "<", ">", "+", "-", "*", "/", "^", "(", ")", "[", "]", ",", "="];

pub(in super::super) fn parse(text: &str) -> Result<Expression, String> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, depth: 0 };
    let expression = parser.binary(0)?;
    match parser.tokens.first() {
        None => Ok(expression),
        Some(token) => Err(format!("Syntax error at {}", shown(token))),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, behind) = if first.is_ascii_digit() || first == '.' {
            number(rest)?
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest.find(|it: char| !it.is_ascii_alphanumeric() && it != '_').unwrap_or(rest.len());
            (Token::Word(rest[..end].to_owned()), &rest[end..])
        } else if first == '"' || first == '\'' {
            let (inside, behind) =
                rest[1..].split_once(first).ok_or("Syntax error: a quote is not closed")?;
            (Token::Text(inside.to_owned()), behind)
        } else {
            let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
            let symbol = symbol.ok_or_else(|| format!("Syntax error at '{first}'"))?;
            (Token::Symbol(symbol), &rest[symbol.len()..])
        };
        tokens.push(token);
        rest = behind.trim_start();
    }
    Ok(tokens)
}

/// `1`, `1.5`, `.5`, `1e3`
fn number(rest: &str) -> Result<(Token, &str), String> {
    let plain = rest.find(|it: char| !it.is_ascii_digit() && it != '.').unwrap_or(rest.len());
    let mut end = plain;
    if let Some(exponent) = rest[plain..].strip_prefix(['e', 'E']) {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let length = digits.find(|it: char| !it.is_ascii_digit()).unwrap_or(digits.len());
        if length > 0 {
            end = rest.len() - digits.len() + length;
        }
    }
    let value = rest[..end].parse().map_err(|_| format!("Syntax error at '{}'", &rest[..end]))?;
    Ok((Token::Number(value), &rest[end..]))
}

struct Parser<'a> {
    tokens: &'a [Token],
    depth: usize,
}

/// Operators of the same strength, weakest first.
const LEVELS: [&[(&str, Operator)]; 5] = [
    &[("||", Operator::Or), ("OR", Operator::Or)],
    &[("&&", Operator::And), ("AND", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ],
    &[("+", Operator::Plus), ("-", Operator::Minus)],
    &[("*", Operator::Times), ("/", Operator::Divided)],
];

impl<'a> Parser<'a> {
    fn binary(&mut self, level: usize) -> Result<Expression, String> {
        let Some(operators) = LEVELS.get(level) else { return self.sign() };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = self.take_operator(operators) {
            let right = self.binary(level + 1)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn take_operator(&mut self, operators: &[(&str, Operator)]) -> Option<Operator> {
        let (first, rest) = self.tokens.split_first()?;
        let written = match first {
            Token::Symbol(symbol) => symbol,
            Token::Word(word) => word.as_str(),
            Token::Number(_) | Token::Text(_) => return None,
        };
        let (_, operator) = operators.iter().find(|(symbol, _)| *symbol == written)?;
        self.tokens = rest;
        Some(*operator)
    }

    fn sign(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("The expression is nested too deeply".into());
        }
        let expression = if self.take("-") {
            Expression::Negative(Box::new(self.sign()?))
        } else if self.take("+") {
            self.sign()?
        } else {
            let base = self.atom()?;
            match self.take("^") {
                true => Expression::Binary(Operator::Power, Box::new(base), Box::new(self.sign()?)),
                false => base,
            }
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn atom(&mut self) -> Result<Expression, String> {
        let (first, rest): (&'a Token, _) = self.tokens.split_first().ok_or("Syntax error at the end")?;
        self.tokens = rest;
        match first {
            Token::Number(value) => Ok(Expression::Number(*value)),
            Token::Text(text) => Ok(Expression::Text(text.clone())),
            Token::Word(word) if self.take("(") => {
                Ok(Expression::Call(word.to_ascii_uppercase(), self.items(")")?))
            }
            Token::Word(word) => Ok(Expression::Id(word.clone())),
            Token::Symbol("(") => {
                let inner = self.binary(0)?;
                match self.take(")") {
                    true => Ok(inner),
                    false => Err("Syntax error: ')' is missing".into()),
                }
            }
            Token::Symbol("[") => Ok(Expression::List(self.items("]")?)),
            Token::Symbol(_) => Err(format!("Syntax error at {}", shown(first))),
        }
    }

    /// What stands between commas, up to and with the end.
    fn items(&mut self, end: &str) -> Result<Vec<Expression>, String> {
        let mut items = Vec::new();
        if self.take(end) {
            return Ok(items);
        }
        loop {
            items.push(self.binary(0)?);
            if self.take(end) {
                return Ok(items);
            }
            if !self.take(",") {
                return Err(format!("Syntax error: '{end}' is missing"));
            }
        }
    }

    fn take(&mut self, symbol: &str) -> bool {
        match self.tokens.split_first() {
            Some((Token::Symbol(first), rest)) if *first == symbol => {
                self.tokens = rest;
                true
            }
            _ => false,
        }
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Number(value) => format!("'{value}'"),
        Token::Text(text) => format!("\"{text}\""),
        Token::Word(word) => format!("'{word}'"),
        Token::Symbol(symbol) => format!("'{symbol}'"),
    }
}

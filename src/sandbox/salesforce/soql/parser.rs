//! Reads a query.

use super::super::api::ApiError;
use super::ast::{Filter, Name, Operator, Order, Query, Select};
use super::lexer::{Token, TokenKind, malformed, tokens};
use super::literal::{Literal, Span, number};

/// Brackets inside brackets that are still read; a limit keeps hostile queries off the stack.
const DEEPEST: usize = 64;
/// Longest query.
const LONGEST: usize = 100_000;

/// Reads a query.
pub fn parse(text: &str) -> Result<Query, ApiError> {
    if text.len() > LONGEST {
        return Err(malformed("SOQL statements cannot be longer than 100000 characters."));
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0 };
    let query = parser.query()?;
    match parser.peek() {
        None => Ok(query),
        Some(token) => Err(unexpected(Some(token))),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
}

fn unexpected(token: Option<&Token>) -> ApiError {
    match token.map(|t| &t.kind) {
        None => malformed("unexpected end of query"),
        Some(TokenKind::Word(w) | TokenKind::Number(w)) => malformed(format!("unexpected token: '{w}'")),
        Some(TokenKind::Text(t)) => malformed(format!("unexpected token: '{t}'")),
        Some(TokenKind::Sign(s)) => malformed(format!("unexpected token: '{s}'")),
    }
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn is_word(&self, offset: usize, word: &str) -> bool {
        matches!(self.tokens.get(self.next + offset), Some(Token { kind: TokenKind::Word(w), .. }) if w.eq_ignore_ascii_case(word))
    }

    fn is_sign(&self, offset: usize, sign: &str) -> bool {
        matches!(self.tokens.get(self.next + offset), Some(Token { kind: TokenKind::Sign(s), .. }) if *s == sign)
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let is = self.is_word(0, word);
        self.next += usize::from(is);
        is
    }

    fn eat_sign(&mut self, sign: &str) -> bool {
        let is = self.is_sign(0, sign);
        self.next += usize::from(is);
        is
    }

    fn word(&mut self, word: &str) -> Result<(), ApiError> {
        if self.eat_word(word) { Ok(()) } else { Err(unexpected(self.peek())) }
    }

    fn sign(&mut self, sign: &str) -> Result<(), ApiError> {
        if self.eat_sign(sign) { Ok(()) } else { Err(unexpected(self.peek())) }
    }

    fn name(&mut self) -> Result<Name, ApiError> {
        match self.peek() {
            Some(Token { kind: TokenKind::Word(text), at }) => {
                let name = Name { text: text.clone(), at: *at };
                self.next += 1;
                Ok(name)
            }
            token => Err(unexpected(token)),
        }
    }

    fn query(&mut self) -> Result<Query, ApiError> {
        self.word("SELECT")?;
        let select = self.select()?;
        self.word("FROM")?;
        let from = self.name()?;
        if self.eat_word("USING") {
            self.word("SCOPE")?;
            self.name()?;
        }
        let filter = if self.eat_word("WHERE") { Some(self.filter(0)?) } else { None };
        let mut order = Vec::new();
        if self.eat_word("ORDER") {
            self.word("BY")?;
            loop {
                order.push(self.order()?);
                if !self.eat_sign(",") {
                    break;
                }
            }
        }
        let limit = if self.eat_word("LIMIT") { Some(self.count()?) } else { None };
        let offset = if self.eat_word("OFFSET") { self.count()? } else { 0 };
        if self.eat_word("FOR") {
            self.name()?;
        }
        Ok(Query { select, from, filter, order, limit, offset })
    }

    fn select(&mut self) -> Result<Select, ApiError> {
        if self.is_word(0, "COUNT") && self.is_sign(1, "(") {
            self.next += 2;
            if self.eat_sign(")") {
                return Ok(Select::Count);
            }
            let field = self.name()?;
            self.sign(")")?;
            let alias = if self.is_word(0, "FROM") { None } else { Some(self.name()?.text) };
            return Ok(Select::CountOf(field, alias));
        }
        let mut fields = Vec::new();
        loop {
            if self.is_sign(0, "(") {
                return Err(malformed("this org does not answer sub-queries"));
            }
            fields.push(self.name()?);
            if self.is_sign(0, "(") {
                return Err(malformed("this org does not answer functions in SELECT, only COUNT()"));
            }
            if !self.eat_sign(",") {
                return Ok(Select::Fields(fields));
            }
        }
    }

    fn order(&mut self) -> Result<Order, ApiError> {
        let field = self.name()?;
        let descending = !self.eat_word("ASC") && self.eat_word("DESC");
        let mut nulls_last = false;
        if self.eat_word("NULLS") {
            nulls_last = self.eat_word("LAST");
            if !nulls_last {
                self.word("FIRST")?;
            }
        }
        Ok(Order { field, descending, nulls_last })
    }

    fn count(&mut self) -> Result<u64, ApiError> {
        match self.peek() {
            Some(Token { kind: TokenKind::Number(n), .. }) => {
                let count = n.parse().map_err(|_| unexpected(self.peek()))?;
                self.next += 1;
                Ok(count)
            }
            token => Err(unexpected(token)),
        }
    }

    /// Conditions joined by AND, or by OR: mixing them needs brackets, as at the vendor.
    fn filter(&mut self, depth: usize) -> Result<Filter, ApiError> {
        if depth > DEEPEST {
            return Err(malformed("the conditions are nested too deeply"));
        }
        let first = self.condition(depth)?;
        for (word, other, join) in
            [("AND", "OR", Filter::All as fn(Vec<Filter>) -> Filter), ("OR", "AND", Filter::Any)]
        {
            if !self.is_word(0, word) {
                continue;
            }
            let mut parts = vec![first];
            while self.eat_word(word) {
                parts.push(self.condition(depth)?);
            }
            if self.is_word(0, other) {
                return Err(unexpected(self.peek()));
            }
            return Ok(join(parts));
        }
        Ok(first)
    }

    fn condition(&mut self, depth: usize) -> Result<Filter, ApiError> {
        let mut negated = false;
        while self.eat_word("NOT") {
            negated = !negated;
        }
        let condition = if self.eat_sign("(") {
            let inner = self.filter(depth + 1)?;
            self.sign(")")?;
            inner
        } else {
            self.comparison()?
        };
        Ok(if negated { Filter::Not(Box::new(condition)) } else { condition })
    }

    fn comparison(&mut self) -> Result<Filter, ApiError> {
        let field = self.name()?;
        let not_in = self.is_word(0, "NOT") && self.is_word(1, "IN");
        if not_in || self.is_word(0, "IN") {
            self.next += if not_in { 2 } else { 1 };
            self.sign("(")?;
            if self.is_word(0, "SELECT") {
                return Err(malformed("this org does not answer semi-joins"));
            }
            let mut values = vec![self.literal()?];
            while self.eat_sign(",") {
                values.push(self.literal()?);
            }
            self.sign(")")?;
            return Ok(Filter::OneOf(field, not_in, values));
        }
        let operator = match self.peek().map(|t| &t.kind) {
            Some(TokenKind::Sign("=")) => Operator::Equal,
            Some(TokenKind::Sign("!=")) => Operator::NotEqual,
            Some(TokenKind::Sign("<")) => Operator::Less,
            Some(TokenKind::Sign("<=")) => Operator::LessOrEqual,
            Some(TokenKind::Sign(">")) => Operator::Greater,
            Some(TokenKind::Sign(">=")) => Operator::GreaterOrEqual,
            Some(TokenKind::Word(w)) if w.eq_ignore_ascii_case("LIKE") => Operator::Like,
            _ => return Err(unexpected(self.peek())),
        };
        self.next += 1;
        Ok(Filter::Compare(field, operator, self.literal()?))
    }

    fn literal(&mut self) -> Result<Literal, ApiError> {
        let wrong = unexpected(self.peek());
        let Some(token) = self.tokens.get(self.next) else { return Err(wrong) };
        self.next += 1;
        match &token.kind {
            TokenKind::Text(text) => Ok(Literal::Text(text.clone())),
            TokenKind::Number(text) => number(text).ok_or(wrong),
            TokenKind::Word(word) => match word.to_ascii_lowercase().as_str() {
                "null" => Ok(Literal::Null),
                "true" => Ok(Literal::Boolean(true)),
                "false" => Ok(Literal::Boolean(false)),
                _ => {
                    let word = word.clone();
                    let n = if self.eat_sign(":") {
                        Some(i64::try_from(self.count()?).unwrap_or(i64::MAX))
                    } else {
                        None
                    };
                    Span::parse(&word, n).map(Literal::Span).ok_or(wrong)
                }
            },
            TokenKind::Sign(_) => Err(wrong),
        }
    }
}

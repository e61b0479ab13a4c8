//! Tokens of this service: what they say of a user, and whether one is ours.

use identity::{Audience, Claims, KeySet, KeySource, Refusal, Signer, Verifier};

use crate::queries::user::User;

/// How long a token is valid, in seconds.
pub const LIFETIME: u64 = 3600;
const VERSION: &str = "1.2.0";

/// Makes and checks tokens.
pub struct Tokens {
    signer: Signer,
    verifier: Verifier,
    issuer: String,
    audience: String,
}

/// What a token is made for.
#[derive(Debug, Clone, Copy)]
pub struct Grant<'a> {
    /// How it was got.
    pub grant_type: &'a str,
    /// What may be done with it.
    pub scopes: &'a [String],
    /// Whether the client is a restricted one.
    pub restricted: bool,
    /// The roles of the user.
    pub roles: &'a [String],
}

impl Tokens {
    /// Makes tokens with these keys and in this name.
    pub fn new(signer: Signer, issuer: String, audience: String) -> Self {
        let verifier = Verifier::new(&issuer, &audience, KeySource::Inline(signer.key_set()));
        Self { signer, verifier, issuer, audience }
    }

    /// The public keys.
    pub fn key_set(&self) -> KeySet {
        self.signer.key_set()
    }

    /// Who makes the tokens.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What a token says, if it is one of ours and valid.
    pub async fn verify(&self, token: &str) -> Result<Claims, Refusal> {
        self.verifier.verify(token).await
    }

    /// A token for a user, who is called `subject` in it.
    pub fn make(&self, user: &User, subject: &str, grant: Grant<'_>) -> String {
        let now = identity::now();
        let mut claims = claims(user, grant);
        claims.iss.clone_from(&self.issuer);
        claims.aud = Audience::One(self.audience.clone());
        claims.sub = subject.to_owned();
        claims.iat = now;
        claims.exp = now + LIFETIME;
        self.signer.sign(&claims)
    }
}

fn claims(user: &User, grant: Grant<'_>) -> Claims {
    let mut claims = Claims::new("", "", &user.username, 0, 0);
    grant.grant_type.clone_into(&mut claims.grant_type);
    claims.scopes = grant.scopes.to_vec();
    VERSION.clone_into(&mut claims.version);
    claims.is_restricted = grant.restricted;
    claims.email_verified = user.is_active;
    claims.roles = grant.roles.to_vec();
    if claims.has_scope("user_id") {
        claims.user_id = Some(user.id);
    }
    if claims.has_scope("email") {
        claims.email = Some(user.email.clone());
    }
    if claims.has_scope("profile") {
        let (given, family) = user.name.rsplit_once(' ').unwrap_or((user.name.as_str(), ""));
        claims.name = Some(user.name.clone());
        claims.given_name = Some(given.to_owned());
        claims.family_name = Some(family.to_owned());
        claims.administrator = Some(user.is_staff);
        claims.superuser = Some(user.is_superuser);
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_depends_on_the_scopes() {
        let user = User { id: 7, name: "Ada King Lovelace".to_owned(), is_staff: true, ..User::named("ada") };
        let scopes = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let of = |text: &str| {
            let scopes = scopes(text);
            claims(&user, Grant { grant_type: "password", scopes: &scopes, restricted: false, roles: &[] })
        };
        let little = of("read");
        assert_eq!((little.user_id, little.email, little.name, little.administrator), (None, None, None, None));
        let all = of("user_id email profile");
        assert_eq!(
            (all.user_id, all.email.as_deref(), all.administrator),
            (Some(7), Some("ada@example.com"), Some(true))
        );
        assert_eq!((all.given_name.as_deref(), all.family_name.as_deref()), (Some("Ada King"), Some("Lovelace")));
        assert_eq!((all.superuser, all.preferred_username.as_str()), (Some(false), "ada"));
    }
}

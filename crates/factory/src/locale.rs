//! Locales: whose names, places and telephone numbers texts are made of.

use source::{Problem, Problems, Tree};

use crate::places::{Town, towns};

/// Whose names, places and telephone numbers texts are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Locale {
    /// Of the whole world.
    #[default]
    World,
    /// German, in Germany.
    German,
    /// French, in France.
    French,
    /// Spanish, in Spain.
    Spanish,
    /// Italian, in Italy.
    Italian,
    /// Portuguese, in Brazil.
    Brazilian,
    /// English, in the United States.
    American,
}

/// The words of a locale. The lists are part of what a seed gives: a change of them changes the values of everybody's data.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) first: &'static [&'static str],
    pub(crate) last: &'static [&'static str],
    pub(crate) towns: &'static [Town],
    /// Streets; what is called `#` is the number of the house.
    pub(crate) streets: &'static [&'static str],
    /// What companies are called after a name.
    pub(crate) companies: &'static [&'static str],
    /// A telephone number; each `#` is a digit.
    pub(crate) phone: &'static str,
}

impl Locale {
    /// The locales by the names that specs call them.
    pub const NAMES: [(&'static str, Self); 7] = [
        ("world", Self::World),
        ("de_DE", Self::German),
        ("fr_FR", Self::French),
        ("es_ES", Self::Spanish),
        ("it_IT", Self::Italian),
        ("pt_BR", Self::Brazilian),
        ("en_US", Self::American),
    ];

    /// Reads the name of a locale.
    pub(crate) fn read(tree: &Tree, problems: &mut Problems) -> Option<Self> {
        let Some(name) = tree.as_str() else {
            problems.push(tree.wrong_type("a locale, such as `de_DE`"));
            return None;
        };
        let found = Self::NAMES.into_iter().find(|(known, _)| *known == name);
        if found.is_none() {
            let names: Vec<String> = Self::NAMES.iter().map(|(name, _)| format!("`{name}`")).collect();
            let help = match source::closest(name, Self::NAMES.iter().map(|(name, _)| *name)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the locales are {}", names.join(", ")),
            };
            problems.push(
                Problem::error("spec::locale", format!("there is no locale `{name}`"))
                    .at(&tree.place, "not a locale that is known here")
                    .help(help),
            );
        }
        found.map(|(_, locale)| locale)
    }

    /// Its words.
    pub(crate) fn words(self) -> Words {
        let towns = towns(self);
        match self {
            Self::World => Words {
                first: WORLD_FIRST,
                last: WORLD_LAST,
                towns,
                streets: &[
                    "Acacia Avenue #",
                    "Bridge Street #",
                    "Canal Walk #",
                    "Church Lane #",
                    "Garden Road #",
                    "Harbour Street #",
                    "High Street #",
                    "Hill Road #",
                    "Lake View #",
                    "Market Square #",
                    "Mill Lane #",
                    "North Street #",
                    "Park Road #",
                    "River Walk #",
                    "Station Road #",
                ],
                companies: &[
                    "Brothers",
                    "Foods",
                    "Group",
                    "Industries",
                    "Labs",
                    "Logistics",
                    "Partners",
                    "Systems",
                    "Works",
                ],
                phone: "+49 30 ### ####",
            },
            Self::German => Words {
                first: &[
                    "Anna", "Ben", "Björn", "Clara", "Dieter", "Elif", "Emil", "Finn", "Frieda", "Günther", "Hanna",
                    "Heike", "Ida", "Jana", "Jörg", "Jürgen", "Karl", "Käthe", "Lara", "Leon", "Lukas", "Marie",
                    "Mehmet", "Mia", "Oskar", "Paul", "Petra", "Sabine", "Sören", "Ute",
                ],
                last: &[
                    "Bauer",
                    "Becker",
                    "Braun",
                    "Fischer",
                    "Große",
                    "Hartmann",
                    "Hoffmann",
                    "Jäger",
                    "Klein",
                    "Koch",
                    "König",
                    "Krüger",
                    "Lange",
                    "Lehmann",
                    "Meyer",
                    "Müller",
                    "Neumann",
                    "Richter",
                    "Schäfer",
                    "Schmidt",
                    "Schneider",
                    "Schröder",
                    "Schulz",
                    "Wagner",
                    "Weber",
                    "Weiß",
                    "Werner",
                    "Wolf",
                    "Yilmaz",
                    "Zimmermann",
                ],
                towns,
                streets: &[
                    "Ahornweg #",
                    "Am Markt #",
                    "Bahnhofstraße #",
                    "Bergstraße #",
                    "Birkenweg #",
                    "Dorfstraße #",
                    "Gartenstraße #",
                    "Goethestraße #",
                    "Hauptstraße #",
                    "Kirchgasse #",
                    "Lindenallee #",
                    "Mühlenweg #",
                    "Ringstraße #",
                    "Schillerplatz #",
                    "Schulstraße #",
                    "Waldweg #",
                ],
                companies: &["AG", "GmbH", "GmbH & Co. KG", "KG", "OHG", "und Söhne", "und Töchter", "Werke"],
                phone: "+49 ### #######",
            },
            Self::French => Words {
                first: &[
                    "Adèle",
                    "Aurélie",
                    "Benoît",
                    "Camille",
                    "Chloé",
                    "Clément",
                    "Élise",
                    "Émile",
                    "Fabrice",
                    "François",
                    "Geneviève",
                    "Hélène",
                    "Hugo",
                    "Inès",
                    "Jean",
                    "Joël",
                    "Léa",
                    "Loïc",
                    "Louis",
                    "Lucie",
                    "Manon",
                    "Marie",
                    "Mathieu",
                    "Nadia",
                    "Noémie",
                    "Pierre",
                    "Rachid",
                    "Sophie",
                    "Théo",
                    "Zoé",
                ],
                last: &[
                    "Benali",
                    "Bernard",
                    "Blanc",
                    "Bonnet",
                    "Boyer",
                    "Chevalier",
                    "David",
                    "Dubois",
                    "Dupont",
                    "Durand",
                    "Faure",
                    "Fontaine",
                    "Fournier",
                    "Garnier",
                    "Girard",
                    "Lambert",
                    "Lefèvre",
                    "Legrand",
                    "Lemaître",
                    "Leroy",
                    "Martin",
                    "Mercier",
                    "Moreau",
                    "Morel",
                    "Petit",
                    "Renard",
                    "Robert",
                    "Rousseau",
                    "Roux",
                    "Vincent",
                ],
                towns,
                streets: &[
                    "# allée des Tilleuls",
                    "# avenue de la Gare",
                    "# boulevard Victor Hugo",
                    "# chemin du Moulin",
                    "# impasse des Roses",
                    "# place de la Mairie",
                    "# quai du Port",
                    "# rue de l'Église",
                    "# rue des Écoles",
                    "# rue du Château",
                    "# rue Jean Jaurès",
                    "# rue Pasteur",
                ],
                companies: &["et Fils", "et Filles", "Frères", "SA", "SARL", "SAS", "SNC"],
                phone: "+33 1 ## ## ## ##",
            },
            Self::Spanish => Words {
                first: &[
                    "Adrián",
                    "Alba",
                    "Álvaro",
                    "Ana",
                    "Andrés",
                    "Begoña",
                    "Carmen",
                    "Clara",
                    "Daniel",
                    "Elena",
                    "Fátima",
                    "Hugo",
                    "Inés",
                    "Íñigo",
                    "Javier",
                    "Jesús",
                    "José",
                    "Lucía",
                    "Manuel",
                    "María",
                    "Martín",
                    "Miguel",
                    "Núria",
                    "Pablo",
                    "Pilar",
                    "Raúl",
                    "Rocío",
                    "Sofía",
                    "Tomás",
                    "Verónica",
                ],
                last: &[
                    "Álvarez",
                    "Blanco",
                    "Castro",
                    "Delgado",
                    "Díaz",
                    "Domínguez",
                    "Fernández",
                    "García",
                    "Gil",
                    "Gómez",
                    "González",
                    "Gutiérrez",
                    "Hernández",
                    "Iglesias",
                    "Jiménez",
                    "López",
                    "Martín",
                    "Martínez",
                    "Molina",
                    "Moreno",
                    "Muñoz",
                    "Navarro",
                    "Ortega",
                    "Pérez",
                    "Ramírez",
                    "Rodríguez",
                    "Romero",
                    "Ruiz",
                    "Sánchez",
                    "Vázquez",
                ],
                towns,
                streets: &[
                    "Avenida de la Constitución #",
                    "Avenida del Mar #",
                    "Calle Alcalá #",
                    "Calle de la Iglesia #",
                    "Calle de la Rosa #",
                    "Calle del Sol #",
                    "Calle Mayor #",
                    "Calle Nueva #",
                    "Camino Real #",
                    "Paseo de la Estación #",
                    "Plaza de España #",
                    "Ronda Sur #",
                ],
                companies: &["e Hijas", "e Hijos", "Hermanos", "SA", "SL", "y Asociados"],
                phone: "+34 9## ### ###",
            },
            Self::Italian => Words {
                first: &[
                    "Alessia",
                    "Andrea",
                    "Anna",
                    "Beatrice",
                    "Bruno",
                    "Carlo",
                    "Chiara",
                    "Davide",
                    "Elena",
                    "Enzo",
                    "Fabio",
                    "Francesca",
                    "Giorgia",
                    "Giulia",
                    "Irene",
                    "Laura",
                    "Luca",
                    "Marco",
                    "Marta",
                    "Matteo",
                    "Niccolò",
                    "Nino",
                    "Paola",
                    "Pietro",
                    "Rosa",
                    "Samuele",
                    "Sara",
                    "Silvia",
                    "Tommaso",
                    "Viola",
                ],
                last: &[
                    "Barbieri", "Bianchi", "Bruno", "Colombo", "Conti", "Costa", "D'Angelo", "De Luca", "Esposito",
                    "Ferrari", "Fontana", "Galli", "Gallo", "Giordano", "Greco", "Leone", "Lombardi", "Mancini",
                    "Marino", "Moretti", "Ricci", "Rinaldi", "Rizzo", "Romano", "Rossi", "Russo", "Santoro", "Serra",
                    "Testa", "Villa",
                ],
                towns,
                streets: &[
                    "Corso Italia #",
                    "Largo Augusto #",
                    "Piazza Garibaldi #",
                    "Via Dante #",
                    "Via dei Mille #",
                    "Via della Libertà #",
                    "Via delle Rose #",
                    "Via Manzoni #",
                    "Via Mazzini #",
                    "Via Roma #",
                    "Via Verdi #",
                    "Viale Europa #",
                ],
                companies: &["e Figli", "e Figlie", "e Fratelli", "SNC", "SpA", "Srl"],
                phone: "+39 0# #### ####",
            },
            Self::Brazilian => Words {
                first: &[
                    "Adriana",
                    "Aline",
                    "Antônio",
                    "Beatriz",
                    "Bruno",
                    "Caio",
                    "Camila",
                    "César",
                    "Daniela",
                    "Davi",
                    "Fernanda",
                    "Flávio",
                    "Gabriela",
                    "Helena",
                    "Iara",
                    "Jéssica",
                    "João",
                    "Juliana",
                    "Lívia",
                    "Lúcia",
                    "Marcelo",
                    "Mário",
                    "Natália",
                    "Otávio",
                    "Paulo",
                    "Rafael",
                    "Renata",
                    "Sérgio",
                    "Thaís",
                    "Vinícius",
                ],
                last: &[
                    "Almeida",
                    "Alves",
                    "Araújo",
                    "Azevedo",
                    "Barbosa",
                    "Batista",
                    "Cardoso",
                    "Carvalho",
                    "Castro",
                    "Conceição",
                    "Correia",
                    "Costa",
                    "Dias",
                    "Fernandes",
                    "Ferreira",
                    "Gomes",
                    "Gonçalves",
                    "Lima",
                    "Magalhães",
                    "Melo",
                    "Monteiro",
                    "Nascimento",
                    "Oliveira",
                    "Pereira",
                    "Ribeiro",
                    "Rocha",
                    "Santos",
                    "Silva",
                    "Simões",
                    "Souza",
                ],
                towns,
                streets: &[
                    "Alameda Santos, #",
                    "Avenida Atlântica, #",
                    "Avenida Brasil, #",
                    "Avenida Paulista, #",
                    "Praça da Sé, #",
                    "Rua Augusta, #",
                    "Rua da Praia, #",
                    "Rua das Flores, #",
                    "Rua do Comércio, #",
                    "Rua Sete de Setembro, #",
                    "Rua XV de Novembro, #",
                    "Travessa do Sol, #",
                ],
                companies: &["& Filhas", "& Filhos", "Comércio", "Indústria", "Irmãos", "Ltda.", "S.A."],
                phone: "+55 11 9#### ####",
            },
            Self::American => Words {
                first: &[
                    "Abigail", "Aiden", "Amelia", "Andre", "Ashley", "Brandon", "Brooke", "Carlos", "Chloe", "Dakota",
                    "Daniel", "Emily", "Ethan", "Grace", "Hannah", "Isaiah", "Jackson", "Jasmine", "Jordan", "Kayla",
                    "Latoya", "Logan", "Madison", "Mason", "Nathan", "Olivia", "Priya", "Tyler", "Wei", "Zachary",
                ],
                last: &[
                    "Adams", "Allen", "Baker", "Brown", "Campbell", "Chen", "Clark", "Davis", "Garcia", "Green",
                    "Hall", "Harris", "Hill", "Jackson", "Johnson", "Jones", "Kim", "Lee", "Lewis", "Martinez",
                    "Miller", "Mitchell", "Nguyen", "Patel", "Robinson", "Smith", "Taylor", "Thompson", "Walker",
                    "Wilson",
                ],
                towns,
                streets: &[
                    "# Cedar Street",
                    "# Cherry Lane",
                    "# Elm Street",
                    "# Highland Avenue",
                    "# Lake Drive",
                    "# Lincoln Avenue",
                    "# Main Street",
                    "# Maple Avenue",
                    "# Oak Street",
                    "# Park Place",
                    "# Pine Ridge Road",
                    "# River Road",
                    "# Second Street",
                    "# Sunset Boulevard",
                    "# Washington Street",
                ],
                companies: &["& Co.", "& Daughters", "& Sons", "Corp.", "Group", "Holdings", "Inc.", "LLC", "Partners"],
                phone: "+1 212 555 01##",
            },
        }
    }
}

/// A name in the letters of addresses.
pub(crate) fn in_ascii(text: &str) -> String {
    let mut ascii = String::new();
    for letter in text.to_lowercase().chars() {
        match letter {
            'a'..='z' | '0'..='9' | '.' | '-' => ascii.push(letter),
            'ä' => ascii.push_str("ae"),
            'ö' => ascii.push_str("oe"),
            'ü' => ascii.push_str("ue"),
            'ß' => ascii.push_str("ss"),
            'à' | 'á' | 'â' | 'ã' => ascii.push('a'),
            'ç' => ascii.push('c'),
            'è' | 'é' | 'ê' | 'ë' => ascii.push('e'),
            'ì' | 'í' | 'î' | 'ï' => ascii.push('i'),
            'ñ' => ascii.push('n'),
            'ò' | 'ó' | 'ô' | 'õ' => ascii.push('o'),
            'ù' | 'ú' | 'û' => ascii.push('u'),
            _ => {}
        }
    }
    ascii
}

const WORLD_FIRST: &[&str] = &[
    "Ada", "Alan", "Amal", "Anita", "Barbara", "Carlos", "Chidi", "Dana", "Edsger", "Elena", "Fatima", "Grace", "Hana",
    "Hedy", "Ines", "Ivan", "Jamal", "Joan", "Kenji", "Lena", "Linus", "Maria", "Mei", "Nadia", "Niklaus", "Olga",
    "Omar", "Priya", "Radia", "Rosa", "Samir", "Sofia", "Tariq", "Tony", "Uma", "Vera", "Wei", "Yuki", "Zara", "Zoe",
];
const WORLD_LAST: &[&str] = &[
    "Adeyemi", "Allen", "Bauer", "Borg", "Chen", "Costa", "Diaz", "Eriksen", "Fischer", "Garcia", "Haddad", "Hopper",
    "Ito", "Jensen", "Kaya", "Kim", "Kowalski", "Lamarr", "Lovelace", "Mehta", "Moreau", "Nakamura", "Novak", "Okafor",
    "Perlman", "Petrov", "Rossi", "Sato", "Schmidt", "Silva", "Singh", "Turing", "Vargas", "Weber", "Wirth", "Yilmaz",
    "Zhang",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_letters_for_an_address() {
        for (name, locale) in Locale::NAMES {
            let words = locale.words();
            for word in words.first.iter().chain(words.last) {
                let ascii = in_ascii(word);
                let letters = |text: &str| text.chars().filter(|letter| letter.is_alphabetic()).count();
                assert!(letters(&ascii) >= letters(word), "{name}: {word} → {ascii}");
            }
            assert!(!words.towns.is_empty() && words.phone.starts_with('+'), "{name}");
        }
    }
}

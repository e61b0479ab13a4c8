//! Towns, with what belongs to them, so that the city, postal code, region and country of a row agree.

use crate::locale::Locale;

/// A town.
#[derive(Debug, PartialEq)]
pub(crate) struct Town {
    pub(crate) name: &'static str,
    pub(crate) region: &'static str,
    /// Its postal codes; each `#` is a digit.
    pub(crate) postal: &'static str,
    pub(crate) country: &'static str,
    /// Two letters of ISO 3166.
    pub(crate) code: &'static str,
}

const fn town(
    name: &'static str,
    region: &'static str,
    postal: &'static str,
    country: &'static str,
    code: &'static str,
) -> Town {
    Town { name, region, postal, country, code }
}

/// The towns of a locale.
pub(crate) fn towns(locale: Locale) -> &'static [Town] {
    match locale {
        Locale::World => WORLD,
        Locale::German => GERMANY,
        Locale::French => FRANCE,
        Locale::Spanish => SPAIN,
        Locale::Italian => ITALY,
        Locale::Brazilian => BRAZIL,
        Locale::American => UNITED_STATES,
    }
}

const WORLD: &[Town] = &[
    town("Accra", "Greater Accra", "GA-###", "Ghana", "GH"),
    town("Athens", "Attica", "10# ##", "Greece", "GR"),
    town("Berlin", "Berlin", "10###", "Germany", "DE"),
    town("Bogota", "Bogota", "11####", "Colombia", "CO"),
    town("Cairo", "Cairo", "11###", "Egypt", "EG"),
    town("Dublin", "Leinster", "D0# X###", "Ireland", "IE"),
    town("Hanoi", "Hanoi", "10####", "Vietnam", "VN"),
    town("Helsinki", "Uusimaa", "00##0", "Finland", "FI"),
    town("Istanbul", "Istanbul", "34###", "Turkey", "TR"),
    town("Kyoto", "Kansai", "60#-####", "Japan", "JP"),
    town("Lagos", "Lagos", "10####", "Nigeria", "NG"),
    town("Lima", "Lima", "150##", "Peru", "PE"),
    town("Lisbon", "Lisbon", "1##0-###", "Portugal", "PT"),
    town("Madrid", "Madrid", "280##", "Spain", "ES"),
    town("Mumbai", "Maharashtra", "4000##", "India", "IN"),
    town("Nairobi", "Nairobi", "00#00", "Kenya", "KE"),
    town("Oslo", "Oslo", "0###", "Norway", "NO"),
    town("Porto", "Norte", "4##0-###", "Portugal", "PT"),
    town("Prague", "Prague", "1## 00", "Czechia", "CZ"),
    town("Quito", "Pichincha", "170###", "Ecuador", "EC"),
    town("Riga", "Riga", "LV-10##", "Latvia", "LV"),
    town("Seoul", "Seoul", "0####", "South Korea", "KR"),
    town("Toronto", "Ontario", "M#A #B#", "Canada", "CA"),
    town("Vienna", "Vienna", "1##0", "Austria", "AT"),
];
const GERMANY: &[Town] = &[
    town("Augsburg", "Bayern", "861##", "Deutschland", "DE"),
    town("Berlin", "Berlin", "10###", "Deutschland", "DE"),
    town("Bremen", "Bremen", "282##", "Deutschland", "DE"),
    town("Dresden", "Sachsen", "010##", "Deutschland", "DE"),
    town("Erfurt", "Thüringen", "990##", "Deutschland", "DE"),
    town("Frankfurt am Main", "Hessen", "603##", "Deutschland", "DE"),
    town("Freiburg", "Baden-Württemberg", "791##", "Deutschland", "DE"),
    town("Hamburg", "Hamburg", "202##", "Deutschland", "DE"),
    town("Hannover", "Niedersachsen", "301##", "Deutschland", "DE"),
    town("Kiel", "Schleswig-Holstein", "241##", "Deutschland", "DE"),
    town("Köln", "Nordrhein-Westfalen", "506##", "Deutschland", "DE"),
    town("Leipzig", "Sachsen", "041##", "Deutschland", "DE"),
    town("Magdeburg", "Sachsen-Anhalt", "391##", "Deutschland", "DE"),
    town("Mainz", "Rheinland-Pfalz", "551##", "Deutschland", "DE"),
    town("München", "Bayern", "803##", "Deutschland", "DE"),
    town("Nürnberg", "Bayern", "904##", "Deutschland", "DE"),
    town("Potsdam", "Brandenburg", "144##", "Deutschland", "DE"),
    town("Rostock", "Mecklenburg-Vorpommern", "180##", "Deutschland", "DE"),
    town("Saarbrücken", "Saarland", "661##", "Deutschland", "DE"),
    town("Stuttgart", "Baden-Württemberg", "701##", "Deutschland", "DE"),
];
const FRANCE: &[Town] = &[
    town("Bordeaux", "Nouvelle-Aquitaine", "330#0", "France", "FR"),
    town("Brest", "Bretagne", "292#0", "France", "FR"),
    town("Dijon", "Bourgogne-Franche-Comté", "210#0", "France", "FR"),
    town("Grenoble", "Auvergne-Rhône-Alpes", "380#0", "France", "FR"),
    town("Lille", "Hauts-de-France", "590#0", "France", "FR"),
    town("Lyon", "Auvergne-Rhône-Alpes", "6900#", "France", "FR"),
    town("Marseille", "Provence-Alpes-Côte d'Azur", "1300#", "France", "FR"),
    town("Nantes", "Pays de la Loire", "440#0", "France", "FR"),
    town("Orléans", "Centre-Val de Loire", "450#0", "France", "FR"),
    town("Paris", "Île-de-France", "7501#", "France", "FR"),
    town("Rouen", "Normandie", "760#0", "France", "FR"),
    town("Strasbourg", "Grand Est", "670#0", "France", "FR"),
    town("Toulouse", "Occitanie", "310#0", "France", "FR"),
];
const SPAIN: &[Town] = &[
    town("Barcelona", "Cataluña", "080##", "España", "ES"),
    town("Bilbao", "País Vasco", "480##", "España", "ES"),
    town("Cádiz", "Andalucía", "110##", "España", "ES"),
    town("La Coruña", "Galicia", "150##", "España", "ES"),
    town("León", "Castilla y León", "240##", "España", "ES"),
    town("Madrid", "Madrid", "280##", "España", "ES"),
    town("Málaga", "Andalucía", "290##", "España", "ES"),
    town("Murcia", "Murcia", "300##", "España", "ES"),
    town("Oviedo", "Asturias", "330##", "España", "ES"),
    town("Sevilla", "Andalucía", "410##", "España", "ES"),
    town("Valencia", "Valencia", "460##", "España", "ES"),
    town("Zaragoza", "Aragón", "500##", "España", "ES"),
];
const ITALY: &[Town] = &[
    town("Bari", "Puglia", "701##", "Italia", "IT"),
    town("Bologna", "Emilia-Romagna", "401##", "Italia", "IT"),
    town("Cagliari", "Sardegna", "091##", "Italia", "IT"),
    town("Firenze", "Toscana", "501##", "Italia", "IT"),
    town("Genova", "Liguria", "161##", "Italia", "IT"),
    town("Milano", "Lombardia", "201##", "Italia", "IT"),
    town("Napoli", "Campania", "801##", "Italia", "IT"),
    town("Palermo", "Sicilia", "901##", "Italia", "IT"),
    town("Perugia", "Umbria", "061##", "Italia", "IT"),
    town("Roma", "Lazio", "001##", "Italia", "IT"),
    town("Torino", "Piemonte", "101##", "Italia", "IT"),
    town("Venezia", "Veneto", "301##", "Italia", "IT"),
];
const BRAZIL: &[Town] = &[
    town("Belo Horizonte", "Minas Gerais", "30###-###", "Brasil", "BR"),
    town("Brasília", "Distrito Federal", "70###-###", "Brasil", "BR"),
    town("Curitiba", "Paraná", "80###-###", "Brasil", "BR"),
    town("Fortaleza", "Ceará", "60###-###", "Brasil", "BR"),
    town("Goiânia", "Goiás", "74###-###", "Brasil", "BR"),
    town("Manaus", "Amazonas", "69###-###", "Brasil", "BR"),
    town("Porto Alegre", "Rio Grande do Sul", "90###-###", "Brasil", "BR"),
    town("Recife", "Pernambuco", "50###-###", "Brasil", "BR"),
    town("Rio de Janeiro", "Rio de Janeiro", "20###-###", "Brasil", "BR"),
    town("Salvador", "Bahia", "40###-###", "Brasil", "BR"),
    town("São Luís", "Maranhão", "65###-###", "Brasil", "BR"),
    town("São Paulo", "São Paulo", "01###-###", "Brasil", "BR"),
];
const UNITED_STATES: &[Town] = &[
    town("Albuquerque", "New Mexico", "871##", "United States", "US"),
    town("Atlanta", "Georgia", "303##", "United States", "US"),
    town("Boise", "Idaho", "837##", "United States", "US"),
    town("Boston", "Massachusetts", "021##", "United States", "US"),
    town("Chicago", "Illinois", "606##", "United States", "US"),
    town("Denver", "Colorado", "802##", "United States", "US"),
    town("Honolulu", "Hawaii", "968##", "United States", "US"),
    town("Houston", "Texas", "770##", "United States", "US"),
    town("Memphis", "Tennessee", "381##", "United States", "US"),
    town("Miami", "Florida", "331##", "United States", "US"),
    town("New York", "New York", "100##", "United States", "US"),
    town("Portland", "Oregon", "972##", "United States", "US"),
    town("San Francisco", "California", "941##", "United States", "US"),
    town("Seattle", "Washington", "981##", "United States", "US"),
];

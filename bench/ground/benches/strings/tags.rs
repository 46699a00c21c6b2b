//! Tag values and tag sets of the TSBS "cpu-only" and "devops" workloads.

use tidemill_ground::random;

const REGIONS: [&str; 9] = [
    "us-east-1",
    "us-west-1",
    "us-west-2",
    "eu-west-1",
    "eu-central-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-1",
    "sa-east-1",
];
const SYSTEMS: [&str; 3] = ["Ubuntu16.10", "Ubuntu16.04LTS", "Ubuntu15.10"];
const ARCHITECTURES: [&str; 2] = ["x64", "x86"];
const TEAMS: [&str; 4] = ["SF", "NYC", "LON", "CHI"];
const ENVIRONMENTS: [&str; 3] = ["production", "staging", "test"];

fn pick<'a>(from: &[&'a str], random: &mut impl FnMut() -> u64) -> &'a str {
    from[random() as usize % from.len()]
}

/// The tag set of a host, as it stands in line protocol.
pub fn tag_sets(hosts: usize) -> Vec<String> {
    let mut random = random(1);
    let set = |host: usize| {
        let region = pick(&REGIONS, &mut random);
        format!(
            "cpu,hostname=host_{host},region={region},datacenter={region}{},rack={},os={},arch={},team={},service={},service_version={},service_environment={}",
            ["a", "b", "c"][random() as usize % 3],
            random() % 100,
            pick(&SYSTEMS, &mut random),
            pick(&ARCHITECTURES, &mut random),
            pick(&TEAMS, &mut random),
            random() % 20,
            random() % 2,
            pick(&ENVIRONMENTS, &mut random),
        )
    };
    (0..hosts).map(set).collect()
}

/// Host names: short and all different.
pub fn hosts(count: usize) -> Vec<String> {
    (0..count).map(|host| format!("host_{host}")).collect()
}

/// Values as they stand one after the other in the rows of many hosts.
pub fn values(count: usize) -> Vec<String> {
    let mut random = random(2);
    let value = |index: usize| match index % 10 {
        0 => format!("host_{}", random() % 4000),
        1 => pick(&REGIONS, &mut random).to_owned(),
        2 => format!("{}{}", pick(&REGIONS, &mut random), ["a", "b", "c"][random() as usize % 3]),
        3 => (random() % 100).to_string(),
        4 => pick(&SYSTEMS, &mut random).to_owned(),
        5 => pick(&ARCHITECTURES, &mut random).to_owned(),
        6 => pick(&TEAMS, &mut random).to_owned(),
        7 => (random() % 20).to_string(),
        8 => (random() % 2).to_string(),
        _ => pick(&ENVIRONMENTS, &mut random).to_owned(),
    };
    (0..count).map(value).collect()
}

/// Texts of every length from 0 to 64.
pub fn all_lengths(count: usize) -> Vec<String> {
    let mut random = random(3);
    let text = |_| {
        let length = random() as usize % 65;
        (0..length).map(|_| char::from(b'a' + (random() % 26) as u8)).collect()
    };
    (0..count).map(text).collect()
}

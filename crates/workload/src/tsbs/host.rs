use crate::Random;

use super::row::Tags;

const REGIONS: [(&str, &[&str]); 9] = [
    ("us-east-1", &["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1e"]),
    ("us-west-1", &["us-west-1a", "us-west-1b"]),
    ("us-west-2", &["us-west-2a", "us-west-2b", "us-west-2c"]),
    ("eu-west-1", &["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
    ("eu-central-1", &["eu-central-1a", "eu-central-1b"]),
    ("ap-southeast-1", &["ap-southeast-1a", "ap-southeast-1b"]),
    ("ap-southeast-2", &["ap-southeast-2a", "ap-southeast-2b"]),
    ("ap-northeast-1", &["ap-northeast-1a", "ap-northeast-1c"]),
    ("sa-east-1", &["sa-east-1a", "sa-east-1b", "sa-east-1c"]),
];

/// The ten tags of each host, which all its tables share.
pub(super) fn host_tags(hosts: usize, random: &mut Random) -> Tags {
    let mut tags = Tags::default();
    for host in 0..hosts {
        let (region, datacenters) = random.choose(&REGIONS);
        tags.push(&[
            ("hostname", &format!("host_{host}")),
            ("region", region),
            ("datacenter", random.choose(datacenters)),
            ("rack", &random.below(100).to_string()),
            ("os", random.choose(&["Ubuntu16.10", "Ubuntu16.04LTS", "Ubuntu15.10"])),
            ("arch", random.choose(&["x64", "x86"])),
            ("team", random.choose(&["SF", "NYC", "LON", "CHI"])),
            ("service", &random.below(20).to_string()),
            ("service_version", &random.below(2).to_string()),
            ("service_environment", random.choose(&["production", "staging", "test"])),
        ]);
    }
    tags
}

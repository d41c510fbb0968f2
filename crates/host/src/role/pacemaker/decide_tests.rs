//! Views that real clusters of Pacemaker 2.1.5 gave, with resource `mail-role` in group `mail`, and views changed from them.

use super::*;

const STARTED_HERE: &str = include_str!("recorded/started_here.xml");
const PARTITION: &str = include_str!("recorded/partition_fencing_active_side.xml");
const PARTITION_PASSIVE: &str = include_str!("recorded/partition_fencing_passive_side.xml");
const DAEMONS_DEAD: &str = include_str!("recorded/daemons_dead.xml");

fn members(me: &str, nodes: [&str; 2]) -> Members {
    Members { nodes: nodes.map(|node| (node.to_owned(), node.to_uppercase())).to_vec(), me: me.into() }
}

fn asked(text: &str, me: &str, resource: &str, token: bool) -> Role {
    let nodes = if me.starts_with('T') { ["TGT1", "TGT2"] } else { ["SRC1", "SRC2"] };
    let members = members(me, nodes);
    match View::read(text, resource) {
        Ok(view) => decide(&view, &Question { members: &members, resource, token }),
        Err(why) => unknown(why),
    }
}

fn role(text: &str, me: &str) -> String {
    asked(text, me, "mail-role", true).to_string()
}

/// A recorded view with one text replaced.
fn with(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

#[test]
fn every_recorded_view_says_what_it_says_and_no_more() {
    let cases = [
        (STARTED_HERE, "SRC1", "active"),
        (STARTED_HERE, "SRC2", "passive (SRC1 is active)"),
        (include_str!("recorded/started_there.xml"), "SRC2", "passive (SRC1 is active)"),
        (include_str!("recorded/moved_away.xml"), "SRC1", "passive (SRC2 is active)"),
        (include_str!("recorded/stopped.xml"), "SRC1", "unknown (resource mail-role is not started: Stopped)"),
        (include_str!("recorded/maintenance.xml"), "SRC1", "active"),
        (DAEMONS_DEAD, "TGT2", "unknown (crm_mon: error: Could not connect to launcher: Connection refused)"),
        (PARTITION, "SRC1", "active"),
        (PARTITION_PASSIVE, "SRC2", "passive (SRC1 is active)"),
        (include_str!("recorded/dual_active_old.xml"), "SRC1", "active"),
        (include_str!("recorded/dual_active_new.xml"), "SRC2", "active"),
        (include_str!("recorded/healed_both.xml"), "SRC1", "unknown (resource mail-role is on several nodes: SRC1, SRC2)"),
        (include_str!("recorded/healed_both.xml"), "SRC2", "unknown (resource mail-role is on several nodes: SRC1, SRC2)"),
        (include_str!("recorded/alone_just_booted.xml"), "TGT2", "unknown (the cluster has no DC at the moment)"),
        (include_str!("recorded/alone_without_quorum.xml"), "TGT2", "unknown (this part of the cluster has no quorum)"),
    ];
    for (text, me, wanted) in cases {
        assert_eq!(role(text, me), wanted, "{text}");
    }
}

#[test]
fn a_node_that_is_lost_unclean_or_about_to_be_fenced_may_not_act() {
    let me = "<node name=\"SRC1\" id=\"1\" online=\"true\" standby=\"false\" standby_onfail=\"false\" maintenance=\"false\" pending=\"false\" unclean=\"false\"";
    let cases = [
        (with(STARTED_HERE, me, &me.replace("online=\"true\"", "online=\"false\"")), "unknown (this node has not joined the cluster)"),
        (with(STARTED_HERE, me, &me.replace("pending=\"false\"", "pending=\"true\"")), "unknown (this node has not joined the cluster)"),
        (with(STARTED_HERE, me, &me.replace("unclean=\"false\"", "unclean=\"true\"")), "unknown (this node is about to be fenced)"),
        (with(PARTITION, "target=\"SRC2\"", "target=\"SRC1\""), "unknown (this node is about to be fenced)"),
        (with(STARTED_HERE, "with_quorum=\"true\"", "with_quorum=\"false\""), "unknown (this part of the cluster has no quorum)"),
        (with(STARTED_HERE, me, "<node name=\"OTHER\""), "unknown (SRC1 is no node of the cluster)"),
    ];
    for (text, wanted) in cases {
        assert_eq!(role(&text, "SRC1"), wanted, "{text}");
    }
    // It was shot and is back.
    assert_eq!(role(&with(PARTITION, "status=\"pending\"", "status=\"success\""), "SRC1"), "active");
}

#[test]
fn only_a_resource_that_is_started_and_well_makes_a_node_active() {
    let started = "resource_agent=\"ocf:mailferry:role\" role=\"Started\"";
    for other in ["Starting", "Stopping", "Stopped", "Promoted", "Unpromoted", "Master", ""] {
        let text = with(STARTED_HERE, started, &started.replace("Started", other));
        assert_eq!(role(&text, "SRC1"), format!("unknown (resource mail-role is not started: {other})"));
    }
    let (head, tail) = STARTED_HERE.split_once(started).expect("the resource");
    for trouble in ["failed", "blocked", "orphaned"] {
        let tail = with(tail, &format!("{trouble}=\"false\""), &format!("{trouble}=\"true\""));
        assert_eq!(role(&format!("{head}{started}{tail}"), "SRC1"), "unknown (resource mail-role has failed, is blocked, or was removed)");
    }
}

#[test]
fn our_own_resource_needs_its_token_and_any_other_does_not() {
    let without = asked(STARTED_HERE, "SRC1", "mail-role", false).to_string();
    assert_eq!(without, "unknown (resource mail-role is being started or stopped here: its token is not there)");
    assert_eq!(asked(STARTED_HERE, "SRC1", "mail-server", false), Role::Active);
    assert_eq!(asked(STARTED_HERE, "SRC2", "mail-role", false).to_string(), "passive (SRC1 is active)");
}

#[test]
fn a_group_is_where_all_its_members_are_and_a_clone_is_nowhere() {
    assert_eq!(asked(STARTED_HERE, "SRC1", "mail", true), Role::Active);
    let torn = with(
        STARTED_HERE,
        "<node name=\"SRC1\" id=\"1\" cached=\"true\"/>\n      </resource>\n      <resource id=\"mail-role\"",
        "<node name=\"SRC2\" id=\"2\" cached=\"true\"/>\n      </resource>\n      <resource id=\"mail-role\"",
    );
    assert_eq!(asked(&torn, "SRC1", "mail", true).to_string(), "unknown (resource mail is on several nodes: SRC1, SRC2)");
    let clone = include_str!("recorded/clone.xml");
    for id in ["both", "everywhere"] {
        assert_eq!(asked(clone, "SRC1", id, true).to_string(), format!("unknown (resource {id} is on several nodes: SRC1, SRC2)"));
    }
    assert_eq!(asked(clone, "SRC1", "every", true).to_string(), "unknown (the cluster has no resource every)");
}

#[test]
fn names_are_compared_without_case_and_a_stranger_is_nobody() {
    assert_eq!(role(STARTED_HERE, "src1"), "active");
    let members = Members { nodes: vec![("SRC1".into(), "MAIL-A".into()), ("SRC2".into(), "MAIL-B".into())], me: "SRC2".into() };
    let view = View::read(STARTED_HERE, "mail-role").expect("a view");
    let question = Question { members: &members, resource: "mail-role", token: false };
    assert_eq!(decide(&view, &question), Role::Passive { active: "MAIL-A".into() });
    let strangers = Members { nodes: vec![("elsewhere".into(), "MAIL-A".into()), ("SRC2".into(), "MAIL-B".into())], me: "SRC2".into() };
    let question = Question { members: &strangers, resource: "mail-role", token: false };
    let wanted = "unknown (resource mail-role is on SRC1, which is no node of this side; write its name as `cluster_node`)";
    assert_eq!(decide(&view, &question).to_string(), wanted);
}

#[test]
fn a_view_that_is_cut_off_or_of_another_form_makes_nobody_active() {
    for end in (0..STARTED_HERE.trim_end().len()).filter(|end| STARTED_HERE.is_char_boundary(*end)) {
        assert!(matches!(asked(&STARTED_HERE[..end], "SRC1", "mail-role", true), Role::Unknown { .. }), "cut at {end}");
    }
    for text in ["", "crm_mon: not a tag", "<crm_mon version=\"1.1\"/>", "<pacemaker-result><status code=\"0\"/></pacemaker-result>"] {
        assert!(matches!(asked(text, "SRC1", "mail-role", true), Role::Unknown { .. }), "{text}");
    }
    assert!(!View::read(include_str!("recorded/dual_active_old.xml"), "mail-role").expect("a view").fencing);
    assert!(View::read(STARTED_HERE, "mail-role").expect("a view").fencing);
}

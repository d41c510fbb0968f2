use crate::world::World;

/// SRC is a cluster whose role comes from a cluster manager, TGT a standalone server.
fn project(world: &World, role: &str) {
    let agents = |name: &str| world.path(name).display().to_string();
    let nodes: Vec<String> =
        ["SRC1", "SRC2"].iter().map(|node| format!("{{ name = \"{node}\", share = '/x/{node}', agents = '{}' }}", agents(node))).collect();
    let source = format!("[source]\nname = \"SRC\"\nwitness = '/x/w'\n{role}\nnodes = [{}]\n", nodes.join(", "));
    let target = format!("[target]\nname = \"TGT\"\nnodes = [{{ name = \"TGT\", share = '/x/t', agents = '{}' }}]\n", agents("TGT"));
    world.write("project.toml", format!("[project]\nname = \"p\"\n{source}{target}"));
}

#[test]
fn a_role_that_a_cluster_manager_moves_is_shown_and_never_moved_here() {
    let world = World::new();
    project(&world, "role = \"pacemaker\"\nrole_resource = \"mail-role\"");
    let shown = world.run(&["role"]);
    let wanted = "SRC          Pacemaker, resource mail-role; active by the last sessions: none\nTGT          TGT\n";
    assert_eq!((shown.code, shown.out.as_str()), (Some(0), wanted), "{}", shown.err);
    let moved = world.run(&["role", "src2"]);
    let refused = "error: the role of SRC is moved by Pacemaker, not by mailferry\n  now:   the role stays where it is\n  hint:  on a node: crm_resource --resource mail-role --move --node SRC2; when it is there: crm_resource --resource mail-role --clear\n";
    assert_eq!((moved.code, moved.err.as_str()), (Some(1), refused));
    project(&world, "role = \"wsfc\"\nrole_resource = \"Mail role\"");
    let moved = world.run(&["role", "SRC2"]);
    let hint = "  hint:  on a node, in PowerShell: Move-ClusterGroup -Name \"Mail role\" -Node SRC2\n";
    assert!(moved.code == Some(1) && moved.err.ends_with(hint), "{}", moved.err);
}

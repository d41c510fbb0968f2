#!/usr/bin/env bash
# The configuration of one cluster of the bed, as Pacemaker finds it when it boots: cib.sh NODE1 NODE2 BMC >cib.xml
# A group of a stand-in for address and mail server, and the role; it likes NODE1 a little, and where it is a lot.
set -euo pipefail
cat <<XML
<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="1">
 <configuration>
  <crm_config><cluster_property_set id="options">
   <nvpair id="o1" name="stonith-enabled" value="${FENCING:-true}"/>
   <nvpair id="o2" name="no-quorum-policy" value="stop"/>
   <nvpair id="o3" name="dc-deadtime" value="2s"/>
   <nvpair id="o4" name="stonith-action" value="off"/>
   <nvpair id="o5" name="priority-fencing-delay" value="2s"/>
  </cluster_property_set></crm_config>
  <nodes/>
  <resources>
   <primitive id="fence" class="stonith" type="fence_bed">
    <instance_attributes id="fence-i">
     <nvpair id="f1" name="bmc" value="$3"/><nvpair id="f2" name="pcmk_host_list" value="$1 $2"/>
    </instance_attributes>
    <operations><op id="fence-m" name="monitor" interval="60s" timeout="20s"/></operations>
   </primitive>
   <group id="mail">
    <primitive id="mail-server" class="ocf" provider="pacemaker" type="Dummy">
     <operations><op id="server-m" name="monitor" interval="10s" timeout="20s"/></operations>
    </primitive>
    <primitive id="mail-role" class="ocf" provider="mailferry" type="role">
     <meta_attributes id="role-meta"><nvpair id="r1" name="priority" value="10"/></meta_attributes>
     <operations><op id="role-m" name="monitor" interval="10s" timeout="10s"/></operations>
    </primitive>
   </group>
  </resources>
  <constraints><rsc_location id="likes" rsc="mail" node="$1" score="10"/></constraints>
  <rsc_defaults><meta_attributes id="defaults"><nvpair id="d1" name="resource-stickiness" value="100"/></meta_attributes></rsc_defaults>
 </configuration><status/>
</cib>
XML

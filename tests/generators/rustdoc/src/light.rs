//! Lights, enough of them for a search index that is cut into files that lead to files.

/// A light.
pub enum Light {
    /// The amber light at the barn.
    AmberBarn,
    /// The amber light at the bell.
    AmberBell,
    /// The amber light at the creek.
    AmberCreek,
    /// The amber light at the ford.
    AmberFord,
    /// The amber light at the harbour.
    AmberHarbour,
    /// The amber light at the lane.
    AmberLane,
    /// The amber light at the mill.
    AmberMill,
    /// The amber light at the well.
    AmberWell,
    /// The amber light at the quay.
    AmberQuay,
    /// The amber light at the orchard.
    AmberOrchard,
    /// The birch light at the barn.
    BirchBarn,
    /// The birch light at the bell.
    BirchBell,
    /// The birch light at the creek.
    BirchCreek,
    /// The birch light at the ford.
    BirchFord,
    /// The birch light at the harbour.
    BirchHarbour,
    /// The birch light at the lane.
    BirchLane,
    /// The birch light at the mill.
    BirchMill,
    /// The birch light at the well.
    BirchWell,
    /// The birch light at the quay.
    BirchQuay,
    /// The birch light at the orchard.
    BirchOrchard,
    /// The copper light at the barn.
    CopperBarn,
    /// The copper light at the bell.
    CopperBell,
    /// The copper light at the creek.
    CopperCreek,
    /// The copper light at the ford.
    CopperFord,
    /// The copper light at the harbour.
    CopperHarbour,
    /// The copper light at the lane.
    CopperLane,
    /// The copper light at the mill.
    CopperMill,
    /// The copper light at the well.
    CopperWell,
    /// The copper light at the quay.
    CopperQuay,
    /// The copper light at the orchard.
    CopperOrchard,
    /// The dawn light at the barn.
    DawnBarn,
    /// The dawn light at the bell.
    DawnBell,
    /// The dawn light at the creek.
    DawnCreek,
    /// The dawn light at the ford.
    DawnFord,
    /// The dawn light at the harbour.
    DawnHarbour,
    /// The dawn light at the lane.
    DawnLane,
    /// The dawn light at the mill.
    DawnMill,
    /// The dawn light at the well.
    DawnWell,
    /// The dawn light at the quay.
    DawnQuay,
    /// The dawn light at the orchard.
    DawnOrchard,
    /// The ember light at the barn.
    EmberBarn,
    /// The ember light at the bell.
    EmberBell,
    /// The ember light at the creek.
    EmberCreek,
    /// The ember light at the ford.
    EmberFord,
    /// The ember light at the harbour.
    EmberHarbour,
    /// The ember light at the lane.
    EmberLane,
    /// The ember light at the mill.
    EmberMill,
    /// The ember light at the well.
    EmberWell,
    /// The ember light at the quay.
    EmberQuay,
    /// The ember light at the orchard.
    EmberOrchard,
    /// The frost light at the barn.
    FrostBarn,
    /// The frost light at the bell.
    FrostBell,
    /// The frost light at the creek.
    FrostCreek,
    /// The frost light at the ford.
    FrostFord,
    /// The frost light at the harbour.
    FrostHarbour,
    /// The frost light at the lane.
    FrostLane,
    /// The frost light at the mill.
    FrostMill,
    /// The frost light at the well.
    FrostWell,
    /// The frost light at the quay.
    FrostQuay,
    /// The frost light at the orchard.
    FrostOrchard,
    /// The gold light at the barn.
    GoldBarn,
    /// The gold light at the bell.
    GoldBell,
    /// The gold light at the creek.
    GoldCreek,
    /// The gold light at the ford.
    GoldFord,
    /// The gold light at the harbour.
    GoldHarbour,
    /// The gold light at the lane.
    GoldLane,
    /// The gold light at the mill.
    GoldMill,
    /// The gold light at the well.
    GoldWell,
    /// The gold light at the quay.
    GoldQuay,
    /// The gold light at the orchard.
    GoldOrchard,
    /// The hazel light at the barn.
    HazelBarn,
    /// The hazel light at the bell.
    HazelBell,
    /// The hazel light at the creek.
    HazelCreek,
    /// The hazel light at the ford.
    HazelFord,
    /// The hazel light at the harbour.
    HazelHarbour,
    /// The hazel light at the lane.
    HazelLane,
    /// The hazel light at the mill.
    HazelMill,
    /// The hazel light at the well.
    HazelWell,
    /// The hazel light at the quay.
    HazelQuay,
    /// The hazel light at the orchard.
    HazelOrchard,
    /// The indigo light at the barn.
    IndigoBarn,
    /// The indigo light at the bell.
    IndigoBell,
    /// The indigo light at the creek.
    IndigoCreek,
    /// The indigo light at the ford.
    IndigoFord,
    /// The indigo light at the harbour.
    IndigoHarbour,
    /// The indigo light at the lane.
    IndigoLane,
    /// The indigo light at the mill.
    IndigoMill,
    /// The indigo light at the well.
    IndigoWell,
    /// The indigo light at the quay.
    IndigoQuay,
    /// The indigo light at the orchard.
    IndigoOrchard,
    /// The jade light at the barn.
    JadeBarn,
    /// The jade light at the bell.
    JadeBell,
    /// The jade light at the creek.
    JadeCreek,
    /// The jade light at the ford.
    JadeFord,
    /// The jade light at the harbour.
    JadeHarbour,
    /// The jade light at the lane.
    JadeLane,
    /// The jade light at the mill.
    JadeMill,
    /// The jade light at the well.
    JadeWell,
    /// The jade light at the quay.
    JadeQuay,
    /// The jade light at the orchard.
    JadeOrchard,
}
